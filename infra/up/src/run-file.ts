import { holdMachineLock } from '@gpulab/images'
import { readFile, rm } from 'node:fs/promises'
import { writeSecret } from './keys.ts'
import { findProcess, isRunning, type ProcessIdentity } from './processes.ts'
import type { StateLayout } from './state-layout.ts'
import type { SystemInfo } from './system-info.ts'

/** Who runs the system of a state folder, and, once it is ready, what there is. */
export interface RunRecord {
  supervisor: ProcessIdentity
  info?: SystemInfo
}

/** Makes this process the one that runs the system; undefined if another one does. Ends with the process. */
export async function claimState(layout: StateLayout): Promise<AsyncDisposable | undefined> {
  const lock = await holdMachineLock(`up ${layout.stateDir}`, 0).catch(() => undefined)
  if (lock) await record(layout)
  return lock
}

/** Writes down who runs the system, and what there is. */
export async function record(layout: StateLayout, info?: SystemInfo): Promise<void> {
  const supervisor = (await findProcess(process.pid)) ?? { pid: process.pid, startTime: '' }
  const record: RunRecord = { supervisor, ...(info && { info }) }
  await writeSecret(layout.runFile, JSON.stringify(record, null, 2))
}

export async function forget(layout: StateLayout): Promise<void> {
  await rm(layout.runFile, { force: true })
}

/** The record of a supervisor that still runs. */
export async function findRun(layout: StateLayout): Promise<RunRecord | undefined> {
  const text = await readFile(layout.runFile, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const found = JSON.parse(text) as RunRecord
  return (await isRunning(found.supervisor)) ? found : undefined
}
