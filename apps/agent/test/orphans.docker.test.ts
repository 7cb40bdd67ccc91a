import type { TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createContainer, findContainer, startContainer } from '../src/docker/containers.ts'
import { findImage, listImages } from '../src/docker/images.ts'
import { listNetworks } from '../src/docker/networks.ts'
import { type EngineProxy, startEngineProxy } from './engine-proxy.ts'
import { type FakeControl, startFakeControl } from './fake-control.ts'
import { program, startTestAgent, type TestAgent, toWish } from './test-agent.ts'
import { startTestEngine, type TestEngine } from './test-engine.ts'

let engine: TestEngine
let proxy: EngineProxy
let control: FakeControl
let agent: TestAgent

beforeAll(async () => {
  engine = await startTestEngine()
  proxy = await startEngineProxy(engine.dockerHost)
  control = await startFakeControl()
  agent = await startTestAgent({ ...engine, dockerHost: proxy.dockerHost }, control, {
    GPULAB_ORPHAN_GRACE: '1',
    GPULAB_LOG_LEVEL: 'debug',
  })
})
afterEach(() => proxy.fail(undefined))
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await control[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})

/** A container that was made anew once, so that there is an image of its files too. */
const deploy = async (): Promise<TargetContainer> => {
  const first = toWish(engine.image)
  control.want(first)
  expect(await control.settled(first.uuid)).toMatchObject({ state: 'running' })
  const second = { ...first, generation: 2, base_generation: 1, attempt: 2 }
  control.want(second)
  expect(await control.settled(first.uuid)).toMatchObject({ generation: 2, state: 'running' })
  return second
}
const leftOf = async ({ uuid, team_uuid: team }: TargetContainer) => ({
  container: (await findContainer(engine.engine, `gpulab-${uuid}-g2`)) !== undefined,
  images: (await listImages(engine.engine, `gpulab.local/${uuid}`)).length,
  networks: (await listNetworks(engine.engine)).filter(({ name }) => name.endsWith(team)).length,
})
const all = { container: true, images: 1, networks: 1 }
const nothing = { container: false, images: 0, networks: 0 }
const expectGone = (wanted: TargetContainer) =>
  eventually(async () => expect(await leftOf(wanted)).toEqual(nothing), { timeoutMs: 30_000 })
/** Once the sweep has passed over whatever else there is, more than once. */
const untilSwept = async () => {
  for (let pass = 0; pass < 2; pass++) {
    const orphan = await deploy()
    control.forget(orphan.uuid)
    await expectGone(orphan)
  }
}
const sweep = async (args: string[]) => {
  const run = promisify(execFile)(process.execPath, [program, 'sweep', ...args], { env: agent.environment })
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  )
}

describe('what the target does not have', () => {
  it('goes, and nothing else does', async () => {
    const label = 'ai.gpulab.container'
    const others: [string, Record<string, string>][] = [
      ['foreign', {}],
      ['alike-key', { [`${label}2`]: randomUUID(), 'ai.gpulab.generation': '1' }],
      ['alike-value', { [label]: 'mine', 'ai.gpulab.generation': '1' }],
      ['alike-generation', { [label]: randomUUID() }],
      // As another agent on this engine has them, in networks of its own.
      [
        'alike-network',
        { [label]: randomUUID(), 'ai.gpulab.generation': '1', 'ai.gpulab.team': randomUUID() },
      ],
    ]
    for (const [name, Labels] of others) {
      await createContainer(engine.engine, { name, Image: engine.image, Labels })
      await startContainer(engine.engine, name)
    }
    const backup = { _query: { container: 'foreign', repo: 'gpulab.local/backup', tag: 'g1' } }
    await engine.engine.getContainer('foreign').commit(backup)

    const [kept, orphan] = [await deploy(), await deploy()]
    control.forget(orphan.uuid)
    await expectGone(orphan)
    await untilSwept()
    expect(await leftOf(kept)).toEqual(all)
    for (const [name] of others) {
      expect(await findContainer(engine.engine, name)).toMatchObject({ name, state: 'exited' })
    }
    expect(await findImage(engine.engine, 'gpulab.local/backup:g1')).toBeDefined()
    expect(agent.log()).toContain('an orphan is removed')
    control.forget(kept.uuid)
    await expectGone(kept)
  })

  it.each([
    ['containers', /GET \/containers\/json/],
    ['one container', /GET \/containers\/[^/]+\/json/],
    ['images', /GET \/images\/json\?/],
    ['networks', /GET \/networks/],
  ])('stays by a list that is not complete: %s', async (_, failing) => {
    const orphan = await deploy()
    proxy.fail(failing)
    control.forget(orphan.uuid)
    await eventually(() => expect(proxy.failed()).toBeGreaterThan(5), { timeoutMs: 20_000 })
    expect(await leftOf(orphan)).toEqual(all)
    proxy.fail(undefined)
    await expectGone(orphan)
  })

  it('stays until a control plane has said what it wants', async () => {
    const orphan = await deploy()
    await agent.kill('SIGKILL')
    control.forget(orphan.uuid)
    control.holdTargets(true)
    await agent.start()
    const passes = () => agent.log().split('orphans are not looked for').length - 1
    await eventually(() => expect(passes()).toBeGreaterThan(5), { timeoutMs: 20_000 })
    expect(await leftOf(orphan)).toEqual(all)
    expect((await sweep(['--dry-run'])).stderr).toContain('not said yet')
    control.holdTargets(false)
    await expectGone(orphan)
  })
})

describe('gpulab-agent sweep', () => {
  it('shows what would go, and touches nothing', async () => {
    await using second = await startFakeControl()
    await using reporting = await startTestAgent(engine, second, {
      GPULAB_ORPHANS: 'report',
      GPULAB_ORPHAN_GRACE: '1',
    })
    const orphan = toWish(engine.image)
    second.want(orphan)
    await second.settled(orphan.uuid)
    second.forget(orphan.uuid)
    await eventually(() => expect(reporting.log()).toContain('an orphan would be removed'), {
      timeoutMs: 20_000,
    })
    const { orphans, removes } = await reporting.local.orphans()
    expect(removes).toBe(false)
    expect(orphans.map(({ kind, owner }) => [kind, owner])).toEqual([
      ['container', orphan.uuid],
      ['network', orphan.team_uuid],
    ])
    // The other agent on this engine does not take it for its own either.
    await untilSwept()
    expect(await findContainer(engine.engine, `gpulab-${orphan.uuid}-g1`)).toMatchObject({ state: 'running' })
    second.want({ ...orphan, desired: 'absent' })
    expect(await second.settled(orphan.uuid)).toBeUndefined()
  })

  it('prints one a line', async () => {
    const orphan = await deploy()
    proxy.fail(/^DELETE/)
    control.forget(orphan.uuid)
    await eventually(async () => expect((await agent.local.orphans()).orphans).not.toEqual([]))
    const { code, stdout, stderr } = await sweep(['--dry-run'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`container\tgpulab-${orphan.uuid}-g2\t`)
    expect(stdout).toContain(`image\tgpulab.local/${orphan.uuid}:g2\t`)
    proxy.fail(undefined)
    await expectGone(orphan)
  })

  it('says what is wrong with how it is called, or that no agent answers', async () => {
    expect(await sweep([])).toMatchObject({ code: 2, stderr: expect.stringContaining('--dry-run') })
    expect(await sweep(['--dry-run', '--agent-socket', '/nowhere/agent.sock'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no agent answers on /nowhere/agent.sock'),
    })
  })
})
