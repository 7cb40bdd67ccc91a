import { eventually } from '@gpulab/testing'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readMounts } from '../src/volumes/mount-table.ts'
import { runTool } from '../src/volumes/run-tool.ts'
import { startTestHost, type TestHost } from './test-host.ts'
import {
  canMountImages,
  known,
  makeVolume,
  mib,
  removeContainer,
  sh,
  toVolume,
  volumesFolder,
  withVolume,
} from './volume-host.ts'

const enforced = await canMountImages()
let host: TestHost

describe.skipIf(!enforced)('a volume with an image of its own', () => {
  beforeAll(async () => {
    host = await startTestHost({ GPULAB_LOCAL_VOLUMES: 'image' })
  })
  afterAll(() => host?.[Symbol.asyncDispose]())

  it('is offered as one whose size holds', () => {
    expect(host.control.hellos[0]?.volumes).toEqual([
      { driver: 'local', enforced: true, size_bytes: expect.any(Number) as number },
    ])
  })

  it('holds what it is said to hold, no more, and grows while its container writes', async () => {
    const volume = await makeVolume(host)
    const container = await host.deploy(withVolume(volume))
    const full = await sh(
      host,
      container,
      'dd if=/dev/zero of=/workspace/a bs=1M 2>&1; df -m /workspace | tail -1',
    )
    expect(full.stdout).toMatch(/No space left on device/)
    const stored = (await sh(host, container, 'stat -c %s /workspace/a')).stdout
    expect(Number(stored)).toBeGreaterThanOrEqual(256 * mib)
    expect(Number(stored)).toBeLessThan(290 * mib)

    const writing = sh(
      host,
      container,
      'i=0; while [ $i -lt 600 ]; do dd if=/dev/zero of=/workspace/b bs=1M count=100 conv=fsync 2>/dev/null && exit 0; i=$((i+1)); sleep 0.1; done; exit 9',
    )
    host.control.wantVolumes({ ...volume, size_bytes: 512 * mib, generation: 2 })
    expect((await writing).exit_code).toBe(0)
    const grown = await known(host, volume, { generation: 2, state: 'ready' })
    expect(grown.size_bytes).toBeGreaterThanOrEqual(512 * mib)
    expect((await sh(host, container, 'stat -c %s /workspace/a')).stdout).toBe(stored)
    await removeContainer(host, container)
  })

  it('can be had read-only, and by several', async () => {
    const volume = await makeVolume(host)
    const [writer, reader] = await Promise.all([
      host.deploy(withVolume(volume)),
      host.deploy(withVolume(volume, true)),
    ])
    expect((await sh(host, writer, 'echo hello > /workspace/x')).exit_code).toBe(0)
    expect((await sh(host, reader, 'cat /workspace/x')).stdout).toBe('hello\n')
    expect((await sh(host, reader, 'echo no > /workspace/x')).stderr).toMatch(/Read-only file system/)
    await removeContainer(host, writer)
    await removeContainer(host, reader)
  })

  it('says how much room there is where it does not fit, and stays as it was', async () => {
    const volume = await makeVolume(host)
    host.control.wantVolumes({ ...volume, size_bytes: 2 ** 50, generation: 2 })
    const facts = await known(host, volume, { failure: expect.anything() as unknown })
    expect(facts).toMatchObject({
      state: 'ready',
      generation: 1,
      failure: { generation: 2, code: 'no_space' },
    })
    expect(facts.failure?.message).toMatch(
      /^The host has \d+(\.\d+)? [GT]iB of disk space free for volumes\.$/,
    )
    const huge = toVolume({ size_bytes: 2 ** 50 })
    host.control.wantVolumes(huge)
    await known(host, huge, { state: 'pending', failure: { generation: 1, code: 'no_space' } })
    expect(await readdir(join(volumesFolder(host), 'images'))).not.toContain(`${huge.uuid}.img`)
  })

  it('stays through a kill of the agent, and is mounted again after a reboot before anything starts', async () => {
    const volume = await makeVolume(host)
    const container = await host.deploy(withVolume(volume))
    await sh(host, container, 'echo kept > /workspace/x')
    await host.agent.kill('SIGKILL')
    await host.agent.start()
    expect((await sh(host, container, 'cat /workspace/x')).stdout).toBe('kept\n')

    host.control.want({ ...container, desired: 'stopped' })
    const { started_at } = (await host.control.settled(container.uuid)) ?? {}
    await host.agent.kill('SIGKILL')
    const target = join(volumesFolder(host), 'mounts', volume.uuid)
    await runTool('umount', [target])
    await expect(writeFile(join(target, 'stray'), '')).rejects.toThrow(/EPERM|EACCES/)
    // A target that it does not hear: what it mounts it knows from before.
    host.control.holdTargets(true)
    await host.agent.start()
    await eventually(async () => {
      expect((await readMounts()).map((mount) => mount.target)).toContain(target)
    })
    host.control.holdTargets(false)
    host.control.want({ ...container, attempt: 2, start_after: started_at ?? null, has_run: true })
    await eventually(async () => {
      expect(await host.control.settled(container.uuid)).toMatchObject({ state: 'running' })
    })
    expect((await sh(host, container, 'cat /workspace/x')).stdout).toBe('kept\n')
    await removeContainer(host, container)
  })

  it('is lost rather than made anew when its image is gone, and its container does not start', async () => {
    const volume = await makeVolume(host)
    await host.agent.kill('SIGTERM')
    await runTool('umount', [join(volumesFolder(host), 'mounts', volume.uuid)])
    await rm(join(volumesFolder(host), 'images', `${volume.uuid}.img`))
    await host.agent.start()
    await known(host, volume, { state: 'degraded', failure: { generation: 1, code: 'volume_lost' } })
    const container = host.wish(withVolume(volume))
    host.control.want(container)
    const facts = await host.control.settled(container.uuid)
    expect(facts?.failure).toMatchObject({ code: 'volume_unavailable' })
    await removeContainer(host, container)
  })

  it('goes with all that is in it', async () => {
    const volume = await makeVolume(host)
    host.control.wantVolumes({ ...volume, desired: 'absent' })
    await known(host, volume, { state: 'absent' })
    const targets = (await readMounts()).map(({ target }) => target)
    expect(targets.filter((target) => target.includes(volume.uuid))).toEqual([])
    for (const part of ['images', 'mounts']) {
      const names = await readdir(join(volumesFolder(host), part))
      expect(names.filter((name) => name.startsWith(volume.uuid))).toEqual([])
    }
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(volume.uuid)
  })
})

describe('a volume on a host that can not mount images', () => {
  let plain: TestHost
  beforeAll(async () => {
    plain = await startTestHost({ GPULAB_LOCAL_VOLUMES: 'folder' })
  })
  afterAll(() => plain?.[Symbol.asyncDispose]())

  it('is a plain folder, and says that its size is not enforced', async () => {
    expect(plain.control.hellos[0]?.volumes[0]).toMatchObject({ driver: 'local', enforced: false })
    const volume = await makeVolume(plain)
    const container = await plain.deploy(withVolume(volume))
    await sh(plain, container, 'dd if=/dev/zero of=/workspace/x bs=1M count=20 2>/dev/null')
    expect(plain.control.volume(volume.uuid)).toMatchObject({ enforced: false, size_bytes: 256 * mib })
    expect((await stat(join(volumesFolder(plain), 'folders', volume.uuid, 'data/x'))).size).toBe(20 * mib)
    // A program that a tenant's root has left there, setuid, is for no user of the host.
    expect((await stat(join(volumesFolder(plain), 'folders'))).mode & 0o077).toBe(0)
    await removeContainer(plain, container)
    plain.control.wantVolumes({ ...volume, desired: 'absent' })
    await known(plain, volume, { state: 'absent' })
    expect(await readdir(join(volumesFolder(plain), 'folders'))).toEqual([])
  })
})
