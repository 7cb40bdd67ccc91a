import { eventually } from '@gpulab/testing'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { readMounts } from '../src/volumes/mount-table.ts'
import { describeMooseFs, findMountProcesses } from './moosefs-host.ts'
import { known, makeVolume, mib, removeContainer, sh, volumesFolder, withVolume } from './volume-host.ts'

const driver = 'moosefs' as const

await describeMooseFs('a volume of a MooseFS cell', (mfs) => {
  it('is offered as one whose size holds', () => {
    expect(mfs.host.control.hellos[0]?.volumes).toContainEqual({ driver, enforced: true, size_bytes: 0 })
  })

  it('holds what it is said to hold, shows it, grows while it is written to, and shrinks', async () => {
    const volume = await makeVolume(mfs.host, { driver })
    const container = await mfs.host.deploy(withVolume(volume))
    expect((await sh(mfs.host, container, 'df -m /workspace | tail -1')).stdout).toMatch(
      / 256 +0 +256 +0% \/workspace/,
    )
    const full = await sh(mfs.host, container, 'dd if=/dev/zero of=/workspace/a bs=1M conv=fsync 2>&1')
    expect(full.stdout).toMatch(/Disk quota exceeded|No space left on device/)
    const writing = sh(
      mfs.host,
      container,
      'rm /workspace/a; i=0; while [ $i -lt 600 ]; do dd if=/dev/zero of=/workspace/b bs=1M count=300 conv=fsync 2>/dev/null && exit 0; i=$((i+1)); sleep 0.2; done; exit 9',
    )
    mfs.host.control.wantVolumes({ ...volume, size_bytes: 512 * mib, generation: 2 })
    expect((await writing).exit_code).toBe(0)
    expect(await known(mfs.host, volume, { generation: 2, state: 'ready' })).toMatchObject({
      size_bytes: 512 * mib,
      enforced: true,
    })
    mfs.host.control.wantVolumes({ ...volume, size_bytes: 320 * mib, generation: 3 })
    await known(mfs.host, volume, { generation: 3, state: 'ready', size_bytes: 320 * mib })
    await removeContainer(mfs.host, container)
  })

  it('has files for the control plane too, and shows nobody what those are written to first', async () => {
    const volume = await makeVolume(mfs.host, { driver })
    const container = await mfs.host.deploy(withVolume(volume))
    const { volumeFiles } = await mfs.host.control.host()
    const path = Buffer.from('/d/x').toString('base64')
    const body = (async function* () {
      yield Buffer.from('from outside')
    })()
    await volumeFiles.write({ params: volume, query: { path, parents: 'true' }, body })
    expect((await sh(mfs.host, container, 'cat /workspace/d/x')).stdout).toBe('from outside')
    await sh(mfs.host, container, 'echo from inside > /workspace/y')
    const { items } = await volumeFiles.list({
      params: volume,
      query: { path: Buffer.from('/').toString('base64') },
    })
    expect(items.map(({ name }) => name)).toEqual(['d', 'y'])
    const read = await volumeFiles.read({
      params: volume,
      query: { path: Buffer.from('y').toString('base64') },
    })
    expect(await text(read.body)).toBe('from inside\n')

    await sh(mfs.host, container, 'rm -rf /workspace/.gpulab-staging')
    const tooMuch = (async function* () {
      for (let written = 0; written < 300; written++) yield Buffer.alloc(mib)
    })()
    await expect(
      volumeFiles.write({ params: volume, query: { path }, body: tooMuch }, { timeoutMs: 120_000 }),
    ).rejects.toMatchObject({ code: 'space_exhausted' })
    expect((await sh(mfs.host, container, 'cat /workspace/d/x')).stdout).toBe('from outside')
    await removeContainer(mfs.host, container)
  })

  it('stays mounted while the agent is killed, and goes with all that is in it', async () => {
    const volume = await makeVolume(mfs.host, { driver })
    const container = await mfs.host.deploy(withVolume(volume))
    await sh(mfs.host, container, 'seq 1 1000 | (cd /workspace; xargs touch); echo kept > /workspace/x')
    const before = await findMountProcesses(mfs.host, volume.uuid)
    expect(before).toHaveLength(1)
    await mfs.host.agent.kill('SIGKILL')
    await mfs.host.agent.start()
    expect((await sh(mfs.host, container, 'cat /workspace/x')).stdout).toBe('kept\n')
    expect(await findMountProcesses(mfs.host, volume.uuid)).toEqual(before)

    await removeContainer(mfs.host, container)
    mfs.host.control.wantVolumes({ ...volume, desired: 'absent', generation: 2 })
    await known(mfs.host, volume, { state: 'absent' })
    await eventually(async () => expect(await findMountProcesses(mfs.host, volume.uuid)).toEqual([]))
    const below = (await readMounts()).filter(({ target }) => target.startsWith(volumesFolder(mfs.host)))
    expect(below.filter(({ target }) => target.includes(volume.uuid))).toEqual([])
  })

  it('that is not in the cell any more is lost, and never made anew', async () => {
    const lost = await makeVolume(mfs.host, { driver })
    mfs.host.control.wantVolumes({ ...lost, desired: 'absent', generation: 2 })
    await known(mfs.host, lost, { state: 'absent' })
    mfs.host.control.wantVolumes({ ...lost, generation: 3, was_made: true })
    await known(mfs.host, lost, { failure: { generation: 3, code: 'volume_lost' } })
  })
})
