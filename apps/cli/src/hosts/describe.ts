import type { Host } from '@gpulab/contract'
import { formatUptime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatSize } from '../output/size.ts'

type Color = 'green' | 'yellow' | 'red'
const colors: Partial<Record<string, Color>> = { active: 'green', unreachable: 'red', fenced: 'red' }

/** The state, colored; one that this version does not know is passing. */
export const stateLabel = (output: Output, state: string): string =>
  output.style(colors[state] ?? 'yellow', escapeText(state))

/** "12s ago"; a clock that is a little behind has not seen the future. */
export function agoLabel(timestamp: string | null, now: number): string {
  if (timestamp === null) return 'never'
  return `${formatUptime(Math.max(0, Math.floor((now - Date.parse(timestamp)) / 1000)))} ago`
}

/** "8/64": what is requested, of all. */
export const cpuUse = ({ cpus, cpus_requested: asked }: Pick<Host, 'cpus' | 'cpus_requested'>): string =>
  `${round(asked)}/${round(cpus)}`

/** "96 GB/256 GB": as above. */
export const sizeUse = (asked: number, total: number): string =>
  `${asked === 0 ? '0' : formatSize(asked)}/${formatSize(total)}`

const round = (count: number): string => String(Number(count.toFixed(1)))
