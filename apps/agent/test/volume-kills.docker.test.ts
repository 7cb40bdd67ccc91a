import type { FailPointName } from '@gpulab/fail-points'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FailPointHolder, startFailPointHolder } from './fail-point-holder.ts'
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
let holder: FailPointHolder

describe.skipIf(!enforced)('an agent that is killed', () => {
  beforeAll(async () => {
    holder = await startFailPointHolder()
    host = await startTestHost({ GPULAB_FAIL_POINTS: holder.path })
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await holder?.[Symbol.asyncDispose]()
  })

  /** Kills it with -9 when it gets there, and starts another. */
  const killAt = async (point: FailPointName, begin: () => void): Promise<void> => {
    const reached = holder.hold(point)
    begin()
    await reached
    await host.agent.kill('SIGKILL')
    holder.release()
    await host.agent.start()
  }

  it('in the middle of making a volume makes it after all, and leaves nothing beside it', async () => {
    const volume = toVolume()
    await killAt('agent.volume.reserved', () => host.control.wantVolumes(volume))
    await known(host, volume, { state: 'ready', generation: 1 })
    expect(await readdir(join(volumesFolder(host), 'images'))).toEqual([`${volume.uuid}.img`])
  })

  it.each(['agent.volume.reserved', 'agent.volume.growing'] as const)(
    'at %s of a resize completes it, with all that was in the volume',
    async (point) => {
      const volume = await makeVolume(host)
      const container = await host.deploy(withVolume(volume))
      const fill =
        'cd /workspace; i=0; while [ $i -lt 200 ]; do echo $i > f$i; i=$((i+1)); done; cat f* | md5sum'
      const { stdout: sum } = await sh(host, container, fill)
      const larger = { ...volume, size_bytes: 512 * mib, generation: 2 }
      await killAt(point, () => host.control.wantVolumes(larger))
      const { size_bytes: size } = await known(host, volume, { state: 'ready', generation: 2 })
      expect(size).toBeGreaterThanOrEqual(512 * mib)
      expect((await sh(host, container, 'cat /workspace/f* | md5sum')).stdout).toBe(sum)
      expect(await readdir(join(volumesFolder(host), 'images'))).not.toContain(`${volume.uuid}.growing`)
      await removeContainer(host, container)
      host.control.wantVolumes({ ...larger, desired: 'absent' })
      await known(host, volume, { state: 'absent' })
    },
  )
})
