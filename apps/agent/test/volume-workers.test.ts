import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { eventually } from '@gpulab/testing'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWorkers, type WorkerLimits, type Workers } from '../src/volumes/files/workers.ts'
import { base64 } from './open-workers.ts'

let folder: string
let started: string[]
let teams: Map<string, string>
let workers: Workers | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-workers-'))
  started = []
  teams = new Map()
})
afterEach(async () => {
  await workers?.close()
  await rm(folder, { recursive: true })
})

function open(limits: WorkerLimits): Workers {
  const folders = async (uuid: string) => {
    started.push(uuid)
    const root = join(folder, uuid, 'data')
    await mkdir(root, { recursive: true })
    return { root, staging: join(folder, uuid, 'staging'), hiddenName: undefined }
  }
  workers = createWorkers(
    { folders, teamOf: (uuid) => teams.get(uuid) ?? uuid },
    pino({ enabled: false }),
    limits,
  )
  return workers
}

const signal = new AbortController().signal
const list = async (of: Workers, uuid: string): Promise<void> =>
  void (await text(await of.call(uuid, { operation: 'list', query: { path: '', limit: '10' }, signal })))

/** Goes on until it is ended. */
const write = (of: Workers, uuid: string) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const body = (async function* () {
    yield Buffer.from('a')
    await promise
  })()
  const query = { path: base64('file'), mode: '420', parents: 'false' }
  const answer = of.call(uuid, { operation: 'store', query, body, signal }).then(text)
  return { end: resolve, answer }
}

describe('the processes for the files of volumes', () => {
  const [one, two, three] = [randomUUID(), randomUUID(), randomUUID()]

  it('end while others are used, the one that was used last the last', { timeout: 60_000 }, async () => {
    const all = open({ idle: 2, all: 10, team: 10 })
    for (const uuid of [one, two, one, three]) await list(all, uuid)
    expect(started).toEqual([one, two, three])
    // The second had to go.
    for (const uuid of [one, three, two]) await list(all, uuid)
    expect(started).toEqual([one, two, three, two])
  })

  it('are never more than a host can bear', { timeout: 60_000 }, async () => {
    const all = open({ idle: 2, all: 2, team: 2 })
    const writes = [write(all, one), write(all, two)]
    await eventually(() => expect(started).toHaveLength(2))
    await expect(list(all, three)).rejects.toMatchObject({ code: 'rate_limited' })
    // Who has one goes on.
    await list(all, one)
    for (const { end, answer } of writes) {
      end()
      await answer
    }
    await eventually(() => list(all, three))
  })

  it('are no more for one team than its share, and the others have theirs', { timeout: 60_000 }, async () => {
    const all = open({ idle: 4, all: 4, team: 2 })
    const ofThem = [randomUUID(), randomUUID(), randomUUID()]
    for (const uuid of ofThem) teams.set(uuid, 'them')
    const [first = '', second = '', third = ''] = ofThem
    // At rest they hold nothing up.
    for (const uuid of ofThem) await list(all, uuid)
    const writes = [write(all, first), write(all, second)]
    await eventually(async () => {
      const refusal = { code: 'rate_limited', message: expect.stringContaining('of your team') as string }
      await expect(list(all, third)).rejects.toMatchObject(refusal)
    })
    await list(all, first)
    for (const uuid of [one, two]) await list(all, uuid)
    for (const { end, answer } of writes) {
      end()
      await answer
    }
    await eventually(() => list(all, third))
  })
})
