import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSessionStore, type SessionRecord } from './session-record.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-records-'))
})
afterEach(() => rm(folder, { recursive: true }))

const record = (): SessionRecord => ({
  id: randomUUID(),
  container_uuid: randomUUID(),
  command: ['true'],
  argv: ['true'],
  workdir: null,
  tty: false,
  stdin: false,
  detached: false,
  user: null,
  started_at: new Date().toISOString(),
  transport: 'guest',
  incarnation: '1',
  run_started_at: null,
  end: null,
})

it('a session that is removed while it is saved is gone', async () => {
  const store = createSessionStore(folder)
  const one = record()
  const saves = Array.from({ length: 20 }, () => store.save(one))
  await Promise.all([...saves, store.remove(one)])
  expect(await readdir(join(folder, one.container_uuid))).toEqual([])
  expect(await store.load()).toEqual([])
})

it('what was saved last is what is known', async () => {
  const store = createSessionStore(folder)
  const one = record()
  await Promise.all(['1', '2', '3'].map((incarnation) => store.save({ ...one, incarnation })))
  expect(await store.load()).toEqual([{ ...one, incarnation: '3' }])
})
