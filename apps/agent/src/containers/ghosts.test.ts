import { eventually } from '@gpulab/testing'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { startMemoryAgent } from '../../test/memory-agent.ts'
import { createMemoryEngine } from '../../test/memory-engine.ts'
import { toWish } from '../../test/test-agent.ts'
import { createVirtualClock } from '../../test/virtual-clock.ts'
import { systemClock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { listProcesses } from '../processes.ts'
import { createGhosts } from './ghosts.ts'

const children: ChildProcess[] = []
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')))

/** Something that looks like a shim, with a command under it. */
async function startShim(id: string): Promise<{ shim: number; command: number }> {
  const argv0 = '/usr/bin/containerd-shim-runc-v2'
  const child = spawn('bash', ['-c', 'sleep 60 & wait', '-id', id], { argv0, stdio: 'ignore' })
  children.push(child)
  const shim = child.pid ?? 0
  const command = await eventually(async () => {
    const found = (await listProcesses()).find(({ parent }) => parent === shim)
    if (!found) throw new Error('It has started nothing yet.')
    return found.pid
  })
  return { shim, command }
}

const liveOf = async (...pids: number[]): Promise<number[]> =>
  (await listProcesses()).map(({ pid }) => pid).filter((pid) => pids.includes(pid))

/** An engine that answers so about whichever container. */
const engineOf = (inspect: () => Promise<unknown>) =>
  ({ getContainer: () => ({ inspect }) }) as unknown as Engine
const engineSaying = (Status: string): Engine =>
  engineOf(async () => ({
    State: { Status, StartedAt: '', FinishedAt: '' },
    Name: '',
    Config: {},
    HostConfig: {},
    Mounts: [],
  }))

function createScene(engine: Engine, state: 'exited' | 'running' = 'exited') {
  const container = { id: randomBytes(32).toString('hex'), uuid: randomUUID(), state, isStuck: false }
  let passedMs = 0
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passedMs }
  const ghosts = createGhosts({ engine, clock, log: pino({ enabled: false }) })
  const pass = (ms: number): void => void (passedMs += ms)
  return { container, ghosts, pass, lay: () => ghosts.lay([container]) }
}

describe('a run that the engine has forgotten', () => {
  it('is killed, with all that look like its shim', async () => {
    const { container, lay } = createScene(engineSaying('exited'))
    const [real, other, decoy] = await Promise.all([
      startShim(container.id),
      startShim(randomBytes(32).toString('hex')),
      startShim(container.id),
    ])
    expect(await lay()).toEqual(new Set())
    expect(await liveOf(real.shim, real.command, decoy.shim, decoy.command)).toEqual([])
    expect(await liveOf(other.shim, other.command)).toHaveLength(2)
  })

  it.each([
    ['that runs by now', engineSaying('running')],
    ['about which there is no answer', engineOf(() => Promise.reject(new Error('socket hang up')))],
  ])('may be one %s: it is let be, and its container is no proof of anything', async (_, engine) => {
    const { container, lay } = createScene(engine)
    const { shim, command } = await startShim(container.id)
    expect(await lay()).toEqual(new Set([container.uuid]))
    expect(await liveOf(shim, command)).toHaveLength(2)
  })

  it('is looked for only a while after the engine may have died, and as long as one is left', async () => {
    let isKnown = false
    const { container, ghosts, lay, pass } = createScene(
      engineOf(async () => {
        if (!isKnown) throw new Error('socket hang up')
        return undefined
      }),
    )
    const { shim } = await startShim(container.id)
    for (let n = 0; n < 3; n++) {
      pass(50_000)
      expect((await lay()).size).toBe(1)
    }
    isKnown = true
    pass(61_000)
    expect(await lay()).toEqual(new Set())
    expect(await liveOf(shim)).toEqual([shim])
    ghosts.suspect()
    expect((await lay()).size).toBe(1)
  })
})

describe('a container that may run although the engine says that it does not', () => {
  const image = 'some/image:1'
  function createHost(lay: (uuids: readonly string[]) => ReadonlySet<string>) {
    const clock = createVirtualClock()
    const memory = createMemoryEngine({ clock })
    memory.addImage(image, { Cmd: ['serve'] })
    const calls: string[] = []
    const ghosts = {
      suspect: () => void calls.push('suspect'),
      lay: async (containers: readonly { uuid: string; state: string }[]) => {
        calls.push('lay')
        const idle = containers.filter(({ state }) => state !== 'running')
        const left = lay(idle.map(({ uuid }) => uuid))
        if (left.size > 0) await clock.wait(1000)
        return left
      },
    }
    return { clock, memory, calls, agent: startMemoryAgent({ memory, clock, ghosts }) }
  }

  it('frees nothing and is not started until it is known to be at rest', async () => {
    let isHaunted = false
    const { agent, clock } = createHost((uuids) => new Set(isHaunted ? uuids : []))
    const wish = toWish(image)
    agent.want(wish)
    const first = await agent.settled(wish.uuid)
    isHaunted = true
    agent.want({ ...wish, desired: 'stopped' })
    await clock.advance(60_000)
    expect(agent.facts(wish.uuid)).toMatchObject({ state: 'exited', busy: true })
    agent.want({ ...wish, attempt: 2, start_after: first?.started_at ?? null })
    await clock.advance(60_000)
    expect(agent.facts(wish.uuid)).toMatchObject({ state: 'exited', busy: true })
    isHaunted = false
    expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'running', busy: false })
  })

  it('is looked for whenever the engine is back, however long it was away', async () => {
    const { agent, calls, clock, memory } = createHost(() => new Set())
    const wish = toWish(image)
    agent.want(wish)
    await agent.settled(wish.uuid)
    memory.crash('containers live')
    await clock.advance(600_000)
    calls.length = 0
    memory.recover()
    await clock.advance(15_000)
    expect(calls.slice(0, 2)).toEqual(['suspect', 'lay'])
  })
})
