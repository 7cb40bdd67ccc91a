import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findMount, readMounts } from '../src/volumes/mount-table.ts'
import { createNfsDriver } from '../src/volumes/nfs/nfs-driver.ts'
import { runTool } from '../src/volumes/run-tool.ts'
import { startTestHost, type TestHost } from './test-host.ts'
import { known, makeVolume, mib, removeContainer, sh, withVolume } from './volume-host.ts'

/** An export that whoever runs the tests lends, as server:/folder: no server of ours could be reached by a kernel without a client. */
const lent = process.env['GPULAB_TEST_NFS_EXPORT']
const hasClient = /\bnfs4?\b/.test(await readFile('/proc/filesystems', 'utf8'))
const obstacle = lent
  ? undefined
  : hasClient
    ? 'GPULAB_TEST_NFS_EXPORT is not set'
    : 'the kernel has no client of NFS'
if (obstacle !== undefined) process.stderr.write(`\n!!! VOLUMES OF NFS ARE NOT TESTED HERE: ${obstacle}\n\n`)

describe.skipIf(obstacle !== undefined)('a volume of an NFS export', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await startTestHost({ GPULAB_NFS_EXPORT: lent ?? '' })
  })
  afterAll(() => host?.[Symbol.asyncDispose]())

  it('is shared by containers, outlives the agent, and says that nothing enforces its size', async () => {
    expect(host.control.hellos[0]?.volumes).toContainEqual({ driver: 'nfs', enforced: false, size_bytes: 0 })
    const volume = await makeVolume(host, { driver: 'nfs' })
    const [writer, reader] = await Promise.all([
      host.deploy(withVolume(volume)),
      host.deploy(withVolume(volume, true)),
    ])
    await sh(host, writer, 'echo hello > /workspace/x')
    await host.agent.kill('SIGKILL')
    await host.agent.start()
    expect((await sh(host, reader, 'cat /workspace/x')).stdout).toBe('hello\n')
    expect(await known(host, volume, { state: 'ready' })).toMatchObject({ enforced: false })
    for (const each of [writer, reader]) await removeContainer(host, each)
    host.control.wantVolumes({ ...volume, desired: 'absent', generation: 2 })
    await known(host, volume, { state: 'absent' })
  })
})

/** What the driver does on an export, with another folder of this machine in the place of one. */
describe('the driver for NFS', () => {
  let folder: string
  const wish = { uuid: randomUUID(), sizeBytes: 256 * mib, manages: true, wasMade: false }
  const open = () =>
    createNfsDriver(join(folder, 'nfs'), {
      mount: async (target) => void (await runTool('mount', ['--bind', join(folder, 'export'), target])),
      log: pino({ enabled: false }),
    })

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gpulab-nfs-'))
    await mkdir(join(folder, 'export'))
  })
  afterEach(async () => {
    await open().unmountAll()
    await rm(folder, { recursive: true, force: true })
  })

  it('mounts the export once, however many volumes want it at the same time', async () => {
    const driver = open()
    const wishes = Array.from({ length: 8 }, () => ({ ...wish, uuid: randomUUID() }))
    await Promise.all(wishes.map((each) => driver.ensure(each)))
    const targets = (await readMounts()).map(({ target }) => target)
    expect(targets.filter((target) => target.startsWith(folder)).toSorted()).toEqual([
      join(folder, 'nfs'),
      join(folder, 'nfs/export'),
    ])
  })

  it('makes a folder once, and takes it away with what is in it', async () => {
    const driver = open()
    await driver.ensure(wish)
    await driver.ensure({ ...wish, wasMade: true })
    await driver.verify(wish.uuid)
    expect(await readdir(join(folder, 'export', wish.uuid))).toEqual(['data'])
    expect(await driver.source(wish.uuid)).toEqual({
      path: join(folder, 'nfs/export', wish.uuid, 'data'),
      propagation: 'rprivate',
    })
    expect(await driver.usage(wish.uuid)).toMatchObject({ enforced: false })
    await driver.remove(wish.uuid, { manages: false })
    expect(await readdir(join(folder, 'export'))).toEqual([wish.uuid])
    await driver.remove(wish.uuid, { manages: true })
    expect(await readdir(join(folder, 'export'))).toEqual([])
    await driver.unmountAll()
    expect(await findMount(join(folder, 'nfs/export'))).toBeUndefined()
  })

  it('makes nothing that was there and is lost, nor what another host makes', async () => {
    const driver = open()
    await expect(driver.ensure({ ...wish, wasMade: true })).rejects.toMatchObject({ code: 'volume_lost' })
    await expect(driver.ensure({ ...wish, manages: false })).rejects.toThrow(/not there/)
    await expect(driver.verify(wish.uuid)).rejects.toThrow(/not there/)
    expect(await readdir(join(folder, 'export'))).toEqual([])
  })
})
