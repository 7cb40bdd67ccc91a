import { type Cell, type CellPart, openCell, stopCell } from '@gpulab/moosefs-cell'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type MooseFs = Cell & AsyncDisposable

const parts: readonly CellPart[] = ['master', 'chunks-1', 'chunks-2']

/** A MooseFS cell of the test's own, of which nothing stays. */
export async function startMooseFs(): Promise<MooseFs> {
  await using started = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-mfs-'))
  started.defer(() => rm(folder, { recursive: true, force: true }))
  const options = { folder, id: randomBytes(3).toString('hex') }
  started.defer(() => stopCell(options))
  const cell = await openCell(options)
  // Nothing of it is worth the seconds of an orderly end.
  started.defer(async () => void (await Promise.all(parts.map((part) => cell.kill(part)))))
  const all = started.move()
  return { ...cell, [Symbol.asyncDispose]: () => all.disposeAsync() }
}
