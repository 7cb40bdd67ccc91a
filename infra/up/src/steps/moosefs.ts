import { findCellObstacle, openCell, stopCell } from '@gpulab/moosefs-cell'
import { stopEngine } from '@gpulab/simulated-host'
import { access } from 'node:fs/promises'
import type { StateLayout } from '../state-layout.ts'
import { cleanUpAfterAgent } from './agent.ts'

/** What an agent needs to have volumes of the cell. */
export type CellSettings = Record<'GPULAB_MOOSEFS_MASTER' | 'PATH', string>

export interface RunningCell extends AsyncDisposable {
  readonly first: CellSettings
  readonly second: CellSettings
}

const toCell = ({ mooseFsDir, id }: StateLayout) => ({ folder: mooseFsDir, id: id.slice(0, 6) })

/** Starts a MooseFS cell on this machine, with all that an earlier one of this state has stored. */
export async function startCell(layout: StateLayout, note: (text: string) => void): Promise<RunningCell> {
  note('looking for what a MooseFS cell needs')
  const obstacle = await findCellObstacle()
  if (obstacle !== undefined) throw new Error(`--moosefs starts a MooseFS cell, but ${obstacle}.`)
  note('starting')
  await using stack = new AsyncDisposableStack()
  stack.defer(() => stopCell(toCell(layout)))
  const cell = await openCell(toCell(layout))
  const settingsOf = async (host: string): Promise<CellSettings> => ({
    GPULAB_MOOSEFS_MASTER: cell.master,
    PATH: await cell.hostPath(host),
  })
  const [first, second] = [await settingsOf('a'), await settingsOf('b')]
  const started = stack.move()
  return { first, second, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

/** Stops the cell and the second host of a supervisor that was killed. Does nothing where there never was a cell. */
export async function clearCell(layout: StateLayout): Promise<void> {
  const hasCell = await access(layout.mooseFsDir).then(
    () => true,
    () => false,
  )
  if (!hasCell) return
  await stopEngine(layout.second.engineDir)
  await cleanUpAfterAgent(layout.second)
  await stopCell(toCell(layout))
}
