import { readFile, rename, writeFile } from 'node:fs/promises'
import type { EngineLayout } from './engine-layout.ts'

/** What an engine remembers between its starts. */
export interface EngineState {
  name: string
  addressPool: string
}

/** Reads what the engine of this state folder remembers; undefined before its first start. */
export async function findEngineState(stateFile: string): Promise<EngineState | undefined> {
  const text = await readFile(stateFile, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as EngineState
  } catch (cause) {
    throw new Error(`The file "${stateFile}" is damaged; remove its folder to start anew.`, { cause })
  }
}

/** Writes it so that a crash leaves the old or the new state. */
export async function saveEngineState(layout: EngineLayout, state: EngineState): Promise<void> {
  await writeFile(`${layout.stateFile}.new`, `${JSON.stringify(state, null, 2)}\n`)
  await rename(`${layout.stateFile}.new`, layout.stateFile)
}
