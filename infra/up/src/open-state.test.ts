import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isState, markReady, openState, removeState, removeUnready } from './open-state.ts'
import { toStateLayout } from './state-layout.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-open-state-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a state folder', () => {
  it('may be new or empty, and is known again', async () => {
    for (const path of [folder, join(folder, 'new/below')]) {
      const layout = await openState(path)
      expect(await isState(layout)).toBe(true)
      expect(await openState(path)).toEqual(layout)
      await removeState(layout)
    }
  })

  it('that holds what is not ours is refused, and never emptied', async () => {
    await mkdir(join(folder, 'keys'))
    await writeFile(join(folder, 'thesis.txt'), '1')
    await expect(openState(folder)).rejects.toThrow(/not GPULab's; give another one with --state/)
    await removeState(toStateLayout(folder))
    expect(await readdir(folder)).toEqual(['keys', 'thesis.txt'])
  })

  it('goes when its first start failed, and stays once it was ready', async () => {
    const layout = await openState(join(folder, 'state'))
    await markReady(layout)
    await removeUnready(layout)
    expect(await isState(layout)).toBe(true)
    await rm(layout.readyFile)
    await removeUnready(layout)
    expect(await readdir(folder)).toEqual([])
  })
})
