import type { Container, Volume } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { startEngine } from '@gpulab/simulated-host'
import { findCellObstacle } from '@gpulab/moosefs-cell'
import { eventually, startMooseFs } from '@gpulab/testing'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSystem, type System } from './src/start-system.ts'

const obstacle = await findCellObstacle()
if (obstacle !== undefined) process.stderr.write(`\n!!! SHARED VOLUMES ARE NOT TESTED HERE: ${obstacle}\n\n`)
const stack = new AsyncDisposableStack()
let system: System

describe.skipIf(obstacle !== undefined)('a volume of several hosts', () => {
  beforeAll(async () => {
    const cell = stack.use(await startMooseFs())
    const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-two-'))
    stack.defer(() => rm(stateDir, { recursive: true, force: true }))
    const second = await startEngine({ stateDir, name: 'two', gpus: '' })
    stack.defer(() => second.stop())
    await ensureImages({ dockerHost: second.dockerHost, keys: ['ubuntu'] })
    const settings = async (name: string) => ({
      GPULAB_MOOSEFS_MASTER: cell.master,
      PATH: await cell.hostPath(name),
    })
    system = stack.use(await startSystem({ agentSettings: await settings('a') }))
    await system.addHost('host-two', second, await settings('b'))
  })
  afterAll(() => stack.disposeAsync())

  const sh = (container: string, script: string) =>
    system.gpulab(['exec', container, '--', 'sh', '-c', script])
  async function volumes<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await system.gpulab(['volumes', ...args, '--json'])
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as T
  }
  const deploy = (name: string): Promise<Container> =>
    system.json<Container>(
      'deploy',
      '--name',
      name,
      '--template',
      'ubuntu',
      '--memory',
      '1',
      '--volume',
      'common:/common',
      '--wait',
    )
  /** No new containers there. */
  const cordon = (host: string, verb: 'cordon' | 'uncordon') => system.gpulab(['hosts', verb, host])

  it('is read and written by containers of two hosts, and reached without any', async () => {
    const made = await volumes<Volume>(
      'create',
      '--name',
      'common',
      '--size',
      '256MiB',
      '--driver',
      'moosefs',
    )
    expect(made).toMatchObject({
      status: 'available',
      driver: 'moosefs',
      enforced: true,
      shared: true,
      host: null,
    })
    await cordon('host-two', 'cordon')
    const one = await deploy('one')
    await cordon('host-two', 'uncordon')
    await cordon('host-one', 'cordon')
    const two = await deploy('two')
    await cordon('host-one', 'uncordon')
    expect([one.host, two.host]).toEqual(['host-one', 'host-two'])

    await sh('one', 'echo from one > /common/a')
    expect((await sh('two', 'cat /common/a && echo from two >> /common/a')).stdout).toBe('from one\n')
    expect((await sh('one', 'cat /common/a')).stdout).toBe('from one\nfrom two\n')
    const full = await sh('two', 'dd if=/dev/zero of=/common/big bs=1M conv=fsync')
    expect(full.stderr).toMatch(/Disk quota exceeded|No space left on device/)
    await volumes('resize', 'common', '--size', '512MiB')
    expect(
      (await sh('two', 'rm /common/big; dd if=/dev/zero of=/common/big bs=1M count=300 conv=fsync')).code,
    ).toBe(0)
    expect((await sh('one', 'stat -c %s /common/big')).stdout).toBe(`${300 * 2 ** 20}\n`)

    const file = join(system.dir, 'fetched')
    await volumes('cp', 'common:/big', file)
    expect((await volumes<{ name: string }[]>('ls', 'common')).map(({ name }) => name)).toEqual(['a', 'big'])
  })

  it('goes with its last container', async () => {
    expect((await system.gpulab(['volumes', 'rm', 'common', '--force'])).code).toBe(5)
    await system.gpulab(['rm', 'one', 'two', '--force'])
    await eventually(
      async () => expect((await system.gpulab(['volumes', 'rm', 'common', '--force'])).code).toBe(0),
      { timeoutMs: 60_000 },
    )
    await eventually(async () => expect(await volumes()).toEqual([]), { timeoutMs: 60_000 })
  })
})
