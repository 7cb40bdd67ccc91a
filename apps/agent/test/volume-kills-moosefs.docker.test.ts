import type { FailPointName } from '@gpulab/fail-points'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '@gpulab/testing'
import { afterAll, expect, it } from 'vitest'
import { startFailPointHolder } from './fail-point-holder.ts'
import { describeMooseFs, findMountProcesses } from './moosefs-host.ts'
import {
  known,
  makeVolume,
  mib,
  removeContainer,
  sh,
  toVolume,
  volumesFolder,
  withVolume,
} from './volume-host.ts'

const driver = 'moosefs' as const
const holder = await startFailPointHolder()
afterAll(() => holder[Symbol.asyncDispose]())

await describeMooseFs(
  'an agent with volumes of MooseFS that is killed',
  (mfs) => {
    /** Kills it with -9 when it gets there, and starts another. */
    const killAt = async (point: FailPointName, begin: () => void): Promise<void> => {
      const reached = holder.hold(point)
      begin()
      await reached
      await mfs.host.agent.kill('SIGKILL')
      holder.release()
      await mfs.host.agent.start()
    }
    /** What the cell has of volumes, whole or not. */
    const foldersOf = async (uuid: string): Promise<string[]> => {
      const names = await readdir(join(volumesFolder(mfs.host), 'moosefs/private/cell/gpulab'))
      return names.filter((name) => name.startsWith(uuid))
    }

    it.each(['agent.volume.reserved', 'agent.volume.placed'] as const)(
      'at %s of making one makes it after all, of its size, and leaves nothing beside it',
      async (point) => {
        const volume = toVolume({ driver })
        await killAt(point, () => mfs.host.control.wantVolumes(volume))
        await known(mfs.host, volume, {
          state: 'ready',
          generation: 1,
          size_bytes: 256 * mib,
          enforced: true,
        })
        expect(await foldersOf(volume.uuid)).toEqual([volume.uuid])
        expect(await findMountProcesses(mfs.host, volume.uuid)).toHaveLength(1)
        const container = await mfs.host.deploy(withVolume(volume))
        expect((await sh(mfs.host, container, 'echo here > /workspace/x; cat /workspace/x')).stdout).toBe(
          'here\n',
        )
        await removeContainer(mfs.host, container)
      },
    )

    it.each(['agent.volume.growing', 'agent.volume.grown'] as const)(
      'at %s of a resize completes it, while a container writes and with all that was in it',
      async (point) => {
        const volume = await makeVolume(mfs.host, { driver })
        const container = await mfs.host.deploy(withVolume(volume))
        const fill = 'cd /workspace; for i in $(seq 200); do echo $i > f$i; done; cat f* | md5sum'
        const { stdout: sum } = await sh(mfs.host, container, fill)
        const larger = { ...volume, size_bytes: 512 * mib, generation: 2 }
        await killAt(point, () => mfs.host.control.wantVolumes(larger))
        await known(mfs.host, volume, { state: 'ready', generation: 2, size_bytes: 512 * mib })
        expect((await sh(mfs.host, container, 'cat /workspace/f* | md5sum')).stdout).toBe(sum)
        const write = 'dd if=/dev/zero of=/workspace/large bs=1M count=300 conv=fsync 2>&1'
        expect((await sh(mfs.host, container, write)).exit_code).toBe(0)
        expect(await findMountProcesses(mfs.host, volume.uuid)).toHaveLength(1)
        await removeContainer(mfs.host, container)
      },
    )

    it('in the middle of deleting one deletes it after all, with all that is in it', async () => {
      const volume = await makeVolume(mfs.host, { driver })
      const kept = await makeVolume(mfs.host, { driver })
      const container = await mfs.host.deploy(withVolume(volume))
      await sh(mfs.host, container, 'mkdir /workspace/d; seq 1 500 | (cd /workspace/d; xargs touch)')
      await removeContainer(mfs.host, container)
      const gone = { ...volume, desired: 'absent' as const, generation: 2 }
      await killAt('agent.volume.removing', () => mfs.host.control.wantVolumes(gone))
      await known(mfs.host, volume, { state: 'absent' })
      expect(mfs.host.agent.log()).not.toContain('a volume is not well')
      expect(await foldersOf(volume.uuid)).toEqual([])
      await eventually(async () => expect(await findMountProcesses(mfs.host, volume.uuid)).toEqual([]))
      expect(await foldersOf(kept.uuid)).toEqual([kept.uuid])
      await known(mfs.host, kept, { state: 'ready' })
    })
  },
  { GPULAB_FAIL_POINTS: holder.path },
)
