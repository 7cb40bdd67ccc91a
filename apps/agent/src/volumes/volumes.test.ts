import type { TargetVolume } from '@gpulab/contract'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import type { VolumeDriver } from './driver.ts'
import { createVolumeRecords, type VolumeRecords } from './records.ts'
import { createVolumes, type Volumes } from './volumes.ts'

const wish: TargetVolume = {
  uuid: '00000000-0000-4000-8000-000000000001',
  driver: 'local',
  size_bytes: 2 ** 28,
  generation: 1,
  desired: 'present',
  manages: true,
  was_made: false,
}
let stateDir: string
let records: VolumeRecords
let volumes: Volumes
let made: Map<string, number>
let removed: { uuid: string; manages: boolean }[]

/** A host's disk, or a cell. */
const driver: VolumeDriver = {
  ensure: async ({ uuid, sizeBytes }) => void made.set(uuid, sizeBytes),
  verify: async (uuid) => {
    if (!made.has(uuid)) throw new Error('It is not there.')
  },
  usage: async (uuid) => ({ sizeBytes: made.get(uuid) ?? 0, usedBytes: 0, enforced: true }),
  remove: async (uuid, { manages }) => {
    removed.push({ uuid, manages })
    if (manages) made.delete(uuid)
  },
  source: async (uuid) => ({ path: uuid, propagation: 'rslave' }),
  folders: async (uuid) => ({ root: uuid, staging: uuid, hiddenName: undefined }),
  unmountAll: async () => {},
}

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'gpulab-volumes-'))
  records = createVolumeRecords(stateDir)
  made = new Map()
  removed = []
  const offer = { driver, offer: async () => ({ enforced: true, size_bytes: 0 }) }
  volumes = createVolumes({
    clock: systemClock,
    log: pino({ enabled: false }),
    records,
    drivers: new Map([
      ['local', offer],
      ['moosefs', offer],
    ]),
  })
})
afterEach(() => rm(stateDir, { recursive: true, force: true }))

const stateOf = () => volumes.facts().map(({ state }) => state)
const known = async () => (await records.read()).map(({ uuid }) => uuid)

describe('a volume that is deleted', () => {
  it('is told of until the control plane has heard it, and then forgotten', async () => {
    volumes.setTarget([wish])
    await expect.poll(stateOf).toEqual(['ready'])
    volumes.setTarget([{ ...wish, desired: 'absent' }])
    await expect.poll(stateOf).toEqual(['absent'])
    volumes.setTarget([{ ...wish, desired: 'absent' }])
    expect(stateOf()).toEqual(['absent'])
    volumes.setTarget([])
    expect(stateOf()).toEqual([])
    await expect.poll(known).toEqual([])
  })
})

describe('one that a target does not speak of', () => {
  it('stays where it is on this host alone', async () => {
    volumes.setTarget([wish])
    await expect.poll(stateOf).toEqual(['ready'])
    volumes.setTarget([])
    await expect.poll(known).toEqual([wish.uuid])
    expect(stateOf()).toEqual(['ready'])
    expect(removed).toEqual([])
  })

  it('has another host where hosts share it: it is let go of, and nothing of it deleted', async () => {
    volumes.setTarget([{ ...wish, driver: 'moosefs' }])
    await expect.poll(stateOf).toEqual(['ready'])
    volumes.setTarget([])
    await expect.poll(stateOf).toEqual([])
    await expect.poll(known).toEqual([])
    expect(removed).toEqual([{ uuid: wish.uuid, manages: false }])
    expect([...made.keys()]).toEqual([wish.uuid])
  })

  it('is there again when the next one speaks of it, also while it is let go of', async () => {
    const shared: TargetVolume = { ...wish, driver: 'moosefs', manages: false }
    volumes.setTarget([shared])
    await expect.poll(stateOf).toEqual(['ready'])
    volumes.setTarget([])
    volumes.setTarget([shared])
    await volumes.require([{ uuid: wish.uuid, mount_path: '/x', read_only: false }])
    expect(stateOf()).toEqual(['ready'])
    await expect.poll(known).toEqual([wish.uuid])
  })
})
