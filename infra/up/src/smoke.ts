import type { Container, ExecResult } from '@gpulab/contract'
import { callEngineJson } from '@gpulab/images'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findLeftovers } from './leftovers.ts'
import { openState } from './open-state.ts'
import type { UpOptions } from './options.ts'
import { waitUntil } from './processes.ts'
import { createProgress, formatSeconds, type Output, type Progress } from './progress.ts'
import type { StateLayout } from './state-layout.ts'
import { readGpulab, runGpulab } from './steps/gpulab.ts'
import { startSystem } from './system.ts'

const name = 'smoke'
const words = 'hello from the container'

/** Runs the whole system once in a temporary folder, with the life of one container, and removes everything. */
export async function runSmoke(
  { gpus, moosefs }: UpOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const since = performance.now()
  const progress = createProgress(output)
  const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-smoke-'))
  try {
    const layout = await openState(stateDir)
    {
      const onRestart = (text: string): void => void output.write(`${text}\n`)
      const options = {
        port: 0,
        gatewayPort: 0,
        gpus,
        moosefs,
        env: process.env,
        keepContainers: false,
        progress,
        onRestart,
        signal,
      }
      await using system = await startSystem(layout, options)
      const { dockerHost, gpus: types } = system.info
      await useContainer(layout, { dockerHost, gpuType: types[0]?.name ?? '', progress, signal })
      output.write('  stopping …\n')
    }
    const leftovers = await findLeftovers(layout)
    if (leftovers.length > 0) throw new Error(`Something was left behind: ${leftovers.join(', ')}.`)
  } finally {
    await rm(stateDir, { recursive: true, force: true, maxRetries: 5 })
  }
  output.write(`Smoke test passed in ${formatSeconds(performance.now() - since)}; nothing was left behind.\n`)
  return 0
}

interface Ground {
  dockerHost: string
  gpuType: string
  progress: Progress
  signal: AbortSignal
}

async function useContainer(
  layout: StateLayout,
  { dockerHost, gpuType, progress, signal }: Ground,
): Promise<void> {
  const { step } = progress
  const show = (): Promise<Container> => readGpulab(layout, ['inspect', name])
  const deployed = await step(
    'deploy',
    () => deploy(layout, gpuType),
    ({ uuid }) => uuid,
  )
  const running = await step(
    'wait',
    () => waitUntilRunning(show, signal),
    ({ status }) => status,
  )
  check(running.gpus.length === 1, `it has ${running.gpus.length} GPUs and not one`)
  await step(
    'exec',
    () => listGpus(layout, running),
    (line) => line,
  )
  await step(
    'logs',
    () => readLog(layout, signal),
    (line) => line,
  )
  await step(
    'rm',
    () => remove(layout, { dockerHost, uuid: deployed.uuid, signal }),
    () => 'gone from the list and the engine',
  )
}

function deploy(layout: StateLayout, gpuType: string): Promise<Container> {
  const command = ['--command', `echo ${words}; exec sleep infinity`]
  return readGpulab(layout, [
    'deploy',
    '--name',
    name,
    '--template',
    'ubuntu-22.04',
    '--gpu-type',
    gpuType,
    ...command,
  ])
}

async function waitUntilRunning(show: () => Promise<Container>, signal: AbortSignal): Promise<Container> {
  let container = await show()
  const settled = async (): Promise<boolean> => {
    container = await show()
    return container.status === 'running' || container.status === 'failed'
  }
  await waitUntil(settled, { timeoutMs: 120_000, signal })
  check(
    container.status === 'running',
    `it is ${container.status}: ${container.status_reason?.message ?? 'no reason'}`,
  )
  return container
}

async function listGpus(layout: StateLayout, container: Container): Promise<string> {
  const result = await readGpulab<ExecResult>(layout, ['exec', name, '--', 'nvidia-smi', '-L'])
  const lines = result.stdout.trim().split('\n')
  check(result.exit_code === 0 && lines.length === 1, `nvidia-smi showed "${result.stdout.trim()}"`)
  check(
    lines[0]?.includes(container.gpus[0]?.uuid ?? '-') === true,
    'nvidia-smi shows another GPU than inspect',
  )
  return lines[0] ?? ''
}

async function readLog(layout: StateLayout, signal: AbortSignal): Promise<string> {
  let text = ''
  const found = async (): Promise<boolean> => (text = (await runGpulab(layout, ['logs', name])).trim()) !== ''
  await waitUntil(found, { timeoutMs: 10_000, signal })
  check(text === words, `its log is "${text}"`)
  return text
}

async function remove(
  layout: StateLayout,
  { dockerHost, uuid, signal }: { dockerHost: string; uuid: string; signal: AbortSignal },
): Promise<void> {
  await runGpulab(layout, ['rm', name, '--force'])
  const filters = encodeURIComponent(JSON.stringify({ name: [uuid] }))
  const isGone = async (): Promise<boolean> => {
    const listed = await readGpulab<Container[]>(layout, ['ls'])
    const inEngine = await callEngineJson<unknown[]>(dockerHost, `/containers/json?all=1&filters=${filters}`)
    return listed.length === 0 && inEngine.length === 0
  }
  check(await waitUntil(isGone, { timeoutMs: 30_000, signal }), 'it is still there 30 seconds after rm')
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new Error(`The smoke test's container is not as it should be: ${problem}.`)
}
