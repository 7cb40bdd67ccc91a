import type { Container } from '@gpulab/contract'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'

/** "RTX 4090" of "NVIDIA GeForce RTX 4090". */
export const shortGpuName = (name: string): string => name.replace(/^NVIDIA\s+(GeForce\s+)?/i, '')

/** "2× NVIDIA GeForce RTX 4090 (simulated)", or undefined without a GPU. */
export function gpuLabel(container: Container, toName = (name: string): string => name): string | undefined {
  if (container.gpu_type === null) return undefined
  const count = container.gpu_count > 1 ? `${container.gpu_count}× ` : ''
  const simulated = container.simulated ? ' (simulated)' : ''
  return escapeText(count + toName(container.gpu_type)) + simulated
}

type Color = 'green' | 'yellow' | 'red' | 'gray'
const colors: Partial<Record<string, Color>> = {
  running: 'green',
  failed: 'red',
  unreachable: 'red',
  stopped: 'gray',
}

/** The status, colored; one that this version does not know is passing. */
export const statusLabel = (output: Output, status: string): string =>
  output.style(colors[status] ?? 'yellow', escapeText(status))

/** "8080 → https://…" for each port. */
export const portLines = ({ ports }: Container): string[] =>
  Object.entries(ports).map(
    ([port, url]) => `${escapeText(port)} → ${url === null ? '(no gateway here)' : escapeText(url)}`,
  )

/** Enough of the uuid to name the container in the next command. */
export const shortId = (uuid: string): string => uuid.slice(0, 8)
