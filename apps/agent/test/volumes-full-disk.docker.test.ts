import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
  withVolume,
} from './volume-host.ts'

const enforced = await canMountImages()
let disk: string
let host: TestHost

/** A disk of its own, so that it can be filled without harm to anybody else. */
async function mountDisk(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-volumes-disk-'))
  const place = join(folder, 'disk')
  await mkdir(place)
  await runTool('truncate', ['-s', '1800M', join(folder, 'image')])
  await runTool('mkfs.ext4', ['-q', '-F', '-m', '0', join(folder, 'image')])
  await runTool('mount', ['-o', 'loop', join(folder, 'image'), place])
  return folder
}

describe.skipIf(!enforced)('a full disk below the volumes', () => {
  beforeAll(async () => {
    disk = await mountDisk()
    host = await startTestHost({
      GPULAB_LOCAL_VOLUMES: 'image',
      GPULAB_VOLUMES_DIR: join(disk, 'disk/volumes'),
    })
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    if (!disk) return
    await runTool('umount', [join(disk, 'disk')])
    await rm(disk, { recursive: true, force: true })
  })

  it('takes nothing from a volume that is there, and lets none grow or be made until there is room', async () => {
    const volume = await makeVolume(host)
    const container = await host.deploy(withVolume(volume))
    const ballast = join(disk, 'disk/ballast')
    const { bavail, bsize } = await statfs(join(disk, 'disk'))
    await runTool('fallocate', ['-l', String(bavail * bsize - mib), ballast])

    const write =
      'dd if=/dev/urandom of=/workspace/a bs=1M count=250 conv=fsync 2>/dev/null && sha256sum /workspace/a'
    const written = await sh(host, container, write)
    expect(written.exit_code).toBe(0)
    host.control.wantVolumes({ ...volume, size_bytes: 512 * mib, generation: 2 })
    const facts = await known(host, volume, { failure: { generation: 2, code: 'no_space' } })
    expect(facts).toMatchObject({ state: 'ready', generation: 1 })
    const another = toVolume()
    host.control.wantVolumes(another)
    await known(host, another, {
      failure: {
        code: 'no_space',
        message: expect.stringContaining('has 0 bytes of disk space free') as string,
      },
    })
    const full = await sh(host, container, 'dd if=/dev/zero of=/workspace/b bs=1M count=100 2>&1')
    expect(full.stdout).toMatch(/No space left on device/)
    expect((await sh(host, container, 'sha256sum /workspace/a')).stdout).toBe(written.stdout)

    await rm(ballast)
    host.control.wantVolumes({ ...volume, size_bytes: 512 * mib, generation: 3 })
    await known(host, volume, { state: 'ready', generation: 3 })
    host.control.wantVolumes({ ...another, generation: 2 })
    await known(host, another, { state: 'ready', generation: 2 })
    expect((await sh(host, container, 'sha256sum /workspace/a')).stdout).toBe(written.stdout)
    await removeContainer(host, container)
  })
})
