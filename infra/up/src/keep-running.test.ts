import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { keepRunning } from './keep-running.ts'
import { startPart } from './part.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-keep-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const start = (script: string) =>
  startPart({
    name: 'The part',
    command: process.execPath,
    args: ['-e', script],
    env: {},
    logFile: join(folder, 'part.log'),
  })
const stays = 'setInterval(() => {}, 1000)'

describe('a part', () => {
  it('that is killed is started again', async () => {
    const ends: string[] = []
    await using part = keepRunning(await start(stays), () => start(stays), {
      onEnd: (how) => ends.push(how),
      pauseMs: 1,
    })
    const first = part.identity.pid
    process.kill(first, 'SIGKILL')
    await vi.waitFor(() => expect(part.identity.pid).not.toBe(first), { timeout: 10_000 })
    expect(() => process.kill(part.identity.pid, 0)).not.toThrow()
    expect(ends).toEqual([expect.stringContaining('SIGKILL')])
  })

  it('that does not stay up is given up', async () => {
    const ends: string[] = []
    const options = { onEnd: (how: string) => ends.push(how), restartsMax: 2, pauseMs: 1 }
    await using part = keepRunning(await start('process.exit(3)'), () => start('process.exit(3)'), options)
    expect(await part.ended).toContain('exit code 3')
    expect(ends).toHaveLength(2)
  })

  it('that is stopped stays so', async () => {
    let starts = 0
    const part = keepRunning(
      await start(stays),
      () => {
        starts++
        return start(stays)
      },
      { onEnd: () => {}, pauseMs: 1 },
    )
    const { pid } = part.identity
    await part[Symbol.asyncDispose]()
    await part.ended
    expect(starts).toBe(0)
    expect(() => process.kill(pid, 0)).toThrow()
  })
})
