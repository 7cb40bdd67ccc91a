import { eventually } from '@gpulab/testing'
import { expect, it } from 'vitest'
import { describeMooseFs, findMountProcesses } from './moosefs-host.ts'
import { known, makeVolume, removeContainer, sh, withVolume } from './volume-host.ts'

const driver = 'moosefs' as const

/** Longer than the agent waits before it looks again. */
const healMs = 90_000
/** Writes a number, synced, again and again; an error is noted and the next one tried. */
const writer =
  'i=0; while [ ! -e /stop ]; do i=$((i+1)); (echo $i > /workspace/n.new && sync -d /workspace/n.new 2>/dev/null; mv /workspace/n.new /workspace/n) 2>> /errors && echo $i > /last; sleep 0.05; done'

await describeMooseFs('a container that writes to a volume of MooseFS', (mfs) => {
  const startWriter = async () => {
    const volume = await makeVolume(mfs.host, { driver })
    const container = await mfs.host.deploy({ ...withVolume(volume), command: ['sh', '-c', writer] })
    const last = async (): Promise<number> => Number((await sh(mfs.host, container, 'cat /last')).stdout)
    /** So many more than now. */
    const goesOn = async (): Promise<void> => {
      const from = await last()
      await eventually(async () => expect(await last()).toBeGreaterThan(from + 5), { timeoutMs: healMs })
    }
    const errors = async (): Promise<string> => (await sh(mfs.host, container, 'cat /errors')).stdout
    await eventually(async () => expect(await last()).toBeGreaterThan(3), { timeoutMs: 30_000 })
    return { volume, container, last, goesOn, errors }
  }

  it('notices nothing of a chunkserver that is killed', async () => {
    const { container, goesOn, errors } = await startWriter()
    await mfs.cell.kill('chunks-1')
    await goesOn()
    await mfs.cell.start('chunks-1')
    await goesOn()
    expect(await errors()).toBe('')
    await removeContainer(mfs.host, container)
  })

  it('goes on after its mount lost its process, and has all that was synced', async () => {
    const { volume, container, last, goesOn } = await startWriter()
    const [pid] = await findMountProcesses(mfs.host, volume.uuid)
    const before = await last()
    process.kill(pid ?? 0, 'SIGKILL')
    await eventually(
      async () => {
        const { stdout } = await sh(mfs.host, container, 'cat /workspace/n')
        expect(Number(stdout)).toBeGreaterThanOrEqual(before)
      },
      { timeoutMs: healMs },
    )
    await goesOn()
    await known(mfs.host, volume, { state: 'ready' })
    // And a second time: what is put over one is put over the other.
    for (const each of await findMountProcesses(mfs.host, volume.uuid)) process.kill(each, 'SIGKILL')
    await eventually(
      async () => expect((await sh(mfs.host, container, 'cat /workspace/n')).exit_code).toBe(0),
      {
        timeoutMs: healMs,
      },
    )
    await goesOn()
    await removeContainer(mfs.host, container)
    mfs.host.control.wantVolumes({ ...volume, desired: 'absent', generation: 2 })
    await known(mfs.host, volume, { state: 'absent' })
  })

  it('goes on after the master was away, and the agent never waits for it', async () => {
    const { volume, container, goesOn } = await startWriter()
    const other = await mfs.host.deploy()
    await mfs.cell.kill('master')
    const { volumeFiles } = await mfs.host.control.host()
    const path = Buffer.from('/').toString('base64')
    const asked = [1, 2, 3, 4, 5, 6].map(() =>
      volumeFiles.list({ params: volume, query: { path } }).catch((error: { code: string }) => error.code),
    )
    // More than the threads that Node has for files: none of this agent's is held up.
    const since = performance.now()
    for (let count = 0; count < 20; count++)
      expect((await sh(mfs.host, other, 'echo here')).stdout).toBe('here\n')
    const spent = performance.now() - since
    expect(await Promise.all(asked)).toEqual(asked.map(() => 'volume_unavailable'))
    expect(performance.now() - since).toBeGreaterThan(spent)
    await known(mfs.host, volume, { state: 'degraded' })
    await mfs.cell.start('master')
    await known(mfs.host, volume, { state: 'ready' })
    await goesOn()
    expect((await volumeFiles.list({ params: volume, query: { path } })).items.length).toBeGreaterThan(0)
    await removeContainer(mfs.host, container)
    await removeContainer(mfs.host, other)
  })

  it('is not started without its volume, and is once the master is back', async () => {
    const volume = await makeVolume(mfs.host, { driver })
    await mfs.cell.kill('master')
    const wish = mfs.host.wish(withVolume(volume))
    mfs.host.control.want(wish)
    await known(mfs.host, volume, { state: 'degraded' })
    expect(await mfs.host.list(wish.uuid)).toEqual([])
    await mfs.cell.start('master')
    await eventually(
      async () => expect(await mfs.host.control.settled(wish.uuid)).toMatchObject({ state: 'running' }),
      {
        timeoutMs: healMs,
      },
    )
    await removeContainer(mfs.host, wish)
  })
})
