import type { Container } from '@gpulab/contract'
import { waitUntil } from '../processes.ts'
import type { StateLayout } from '../state-layout.ts'
import { readGpulab, runGpulab, tryGpulab } from './gpulab.ts'

/** Name of the container that a new system starts with. */
export const firstContainer = 'hello'

const limitMs = 120_000

/** Makes the first container run, deploying it where it is missing or beyond repair; gives what nvidia-smi says. */
export async function runFirstContainer(
  layout: StateLayout,
  gpuType: string,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  let shown: string | undefined
  let last = ''
  const attempt = async (): Promise<boolean> => {
    await ensureRunning(layout, gpuType, note)
    const { exitCode, stdout, stderr } = await tryGpulab(layout, [
      'exec',
      firstContainer,
      '--',
      'nvidia-smi',
      '-L',
    ])
    last = stderr.trim()
    if (exitCode === 0) shown = stdout.trim()
    return exitCode === 0
  }
  // After a restart the API may hold an old picture of the container until the agent's first report.
  await waitUntil(attempt, { timeoutMs: limitMs, intervalMs: 500, signal })
  if (shown === undefined) throw new Error(`The first command in the first container failed: ${last}`)
  return shown
}

async function ensureRunning(
  layout: StateLayout,
  gpuType: string,
  note: (text: string) => void,
): Promise<void> {
  const containers = await readGpulab<Container[]>(layout, ['ls'])
  const known = containers.find(({ name }) => name === firstContainer)
  if (known?.status === 'running') return
  if (known?.status === 'stopped') {
    note(`starting ${firstContainer} again`)
    await tryGpulab(layout, ['start', firstContainer, '--wait', '--wait-timeout', '60s'])
    return
  }
  if (known !== undefined && known.status !== 'failed') return
  note(`deploying ${firstContainer}`)
  const what = ['--template', 'ubuntu-22.04', '--gpu-type', gpuType, '--restart', 'unless-stopped']
  await runGpulab(layout, ['deploy', '--name', firstContainer, ...what, '--if-exists', 'replace', '--wait'])
}
