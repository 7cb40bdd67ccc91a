import { markReady, openState, removeUnready } from './open-state.ts'
import type { UpOptions } from './options.ts'
import { endOrphans } from './orphans.ts'
import { createProgress, type Output } from './progress.ts'
import { claimState, findRun, forget, record } from './run-file.ts'
import type { StateLayout } from './state-layout.ts'
import { runFirstContainer } from './steps/first-container.ts'
import { startSystem } from './system.ts'
import type { SystemInfo } from './system-info.ts'

export type ReadyState = 'started' | 'was running'

export interface ForegroundHooks {
  output: Output
  /** Called once, when everything is ready. */
  onReady: (info: SystemInfo, state: ReadyState) => void
}

/** Runs the system until a signal (0) or the end of one of its parts (1). Comes back at once where it runs already. */
export async function runForeground(
  options: UpOptions,
  hooks: ForegroundHooks,
  signal: AbortSignal,
): Promise<number> {
  const layout = await openState(options.stateDir)
  await using claim = await claimState(layout)
  if (!claim) return showRunning(layout, hooks)
  await endOrphans(layout)
  const progress = createProgress(hooks.output)
  try {
    await using system = await startSystem(layout, {
      ...options,
      env: process.env,
      keepContainers: true,
      progress,
      onRestart: (text) => hooks.output.write(`\n${text}\n`),
      signal,
    })
    const gpuType = system.info.gpus[0]?.name ?? ''
    await progress.step(
      'first container',
      (note) => runFirstContainer(layout, gpuType, note, signal),
      (shown) => shown,
    )
    await record(layout, system.info)
    await markReady(layout)
    hooks.onReady(system.info, 'started')
    const end = await Promise.race([system.ended, untilSignal(signal)])
    hooks.output.write(end === undefined ? '\nStopping …\n' : `\n${end}\nStopping the rest …\n`)
    return end === undefined ? 0 : 1
  } finally {
    await forget(layout)
    await removeUnready(layout)
  }
}

async function showRunning(layout: StateLayout, { onReady }: ForegroundHooks): Promise<number> {
  const run = await findRun(layout)
  if (!run?.info) {
    throw new Error(
      `Another process starts or stops the system in "${layout.stateDir}" right now; try again in a minute, or give another folder with --state.`,
    )
  }
  onReady(run.info, 'was running')
  return 0
}

function untilSignal(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  signal.addEventListener('abort', () => resolve(undefined), { once: true })
  return promise
}
