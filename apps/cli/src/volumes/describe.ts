import type { Volume } from '@gpulab/contract'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatSize } from '../output/size.ts'

const colors: Partial<Record<string, 'green' | 'red'>> = {
  available: 'green',
  failed: 'red',
  unreachable: 'red',
  degraded: 'red',
}

export const volumeStatusLabel = (output: Output, status: string): string =>
  output.style(colors[status] ?? 'yellow', escapeText(status))

/** "100 GB", and a word where nothing holds it to that. */
export const volumeSizeLabel = ({ size_bytes, enforced }: Volume): string =>
  formatSize(size_bytes) + (enforced === false ? ' (not enforced)' : '')

export const usedLabel = ({ used_bytes: used }: Volume): string => (used === null ? '-' : formatSize(used))
