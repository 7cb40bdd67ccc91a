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

/** "queued (#2)" of what waits in line: how far it has got is what matters there. */
export const shortStatusLabel = (output: Output, { status, queue }: Container): string =>
  statusLabel(output, status) + (queue === null ? '' : ` (#${queue.position})`)

/** "position 2: no RTX 4090 is free", or undefined where nothing waits in line. */
export const queueLabel = ({ queue }: Container): string | undefined =>
  queue === null
    ? undefined
    : `position ${queue.position}: ${escapeText(queue.reason.trim().replace(/\.$/, ''))}`

/** "8080 → https://… (private)" for each port. */
export const portLines = ({ ports, port_modes: modes }: Container): string[] =>
  Object.entries(ports).map(([port, url]) => {
    const where = url === null ? '(no gateway here)' : escapeText(url)
    const mode = modes[port] ?? 'public'
    return `${escapeText(port)} → ${where}${mode === 'public' ? '' : ` (${escapeText(mode)})`}`
  })

/** Enough of the uuid to name the container in the next command. */
export const shortId = (uuid: string): string => uuid.slice(0, 8)

const owners: Partial<Record<string, string>> = {
  host: 'its host',
  scheduler: 'the scheduler',
  operator: 'the operator',
}

/** Who has to act for a passing status to end. */
export const ownerLabel = ({ owner }: Container): string | null =>
  owner === null ? null : (owners[owner] ?? escapeText(owner))

/** "on-failure, at most 5 times in a row (2 so far)", or null where nothing starts it again. */
export function restartLabel({ restart, restarts }: Container): string | null {
  if (restart.policy === 'no' && restarts === 0) return null
  const limit = restart.max_retries === null ? '' : `, at most ${restart.max_retries} times in a row`
  return `${restart.policy}${limit} (${restarts} so far)`
}

type Exit = Pick<Container, 'exit_code' | 'exit_signal' | 'oom_killed'>

/** "137 (SIGKILL, out of memory)", or null where nothing has ended. */
export function exitLabel({
  exit_code: code,
  exit_signal: signal,
  oom_killed: isOutOfMemory,
}: Exit): string | null {
  if (code === null) return null
  const why = [...(signal === null ? [] : [escapeText(signal)]), ...(isOutOfMemory ? ['out of memory'] : [])]
  return why.length === 0 ? String(code) : `${code} (${why.join(', ')})`
}
