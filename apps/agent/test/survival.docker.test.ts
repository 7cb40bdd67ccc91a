import { eventually } from '@gpulab/testing'
import { existsSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost

beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host[Symbol.asyncDispose]())

const identify = async (uuid: string) => {
  const [container] = await host.list(uuid)
  return { id: container?.id, pid: container?.pid, startedAt: container?.startedAt }
}

describe('a new run of the agent', () => {
  it('adopts containers as they are, after a kill and after a polite stop', async () => {
    const wanted = await host.deploy({ gpu_uuids: [host.gpus[0] ?? ''] })
    const before = await identify(wanted.uuid)
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const code = await host.agent.kill(signal)
      expect(code).toBe(signal === 'SIGTERM' ? 0 : null)
      expect(await identify(wanted.uuid)).toEqual(before)
      await host.agent.start()
      const facts = await host.control.settled(wanted.uuid)
      expect(facts).toMatchObject({
        state: 'running',
        started_at: before.startedAt,
        gpu_uuids: wanted.gpu_uuids,
      })
      expect(await identify(wanted.uuid)).toEqual(before)
      const client = await host.control.host()
      const body = { container_uuid: wanted.uuid, command: ['nvidia-smi', '-L'] }
      expect((await client.exec({ body })).stdout).toContain(host.gpus[0])
    }
    expect(new Set(host.control.hellos.map((hello) => hello.boot_id)).size).toBe(3)
  })

  it('finishes what the killed one had begun', async () => {
    const wishes = Array.from({ length: 4 }, () => host.wish())
    host.control.want(...wishes)
    await eventually(async () => expect(await host.list(wishes[0]?.uuid ?? '')).not.toEqual([]))
    await host.agent.kill('SIGKILL')
    await host.agent.start()
    for (const { uuid } of wishes) {
      expect(await host.control.settled(uuid)).toMatchObject({ state: 'running' })
      expect(await host.list(uuid)).toHaveLength(1)
    }
    host.control.want(...wishes.map((wanted) => ({ ...wanted, desired: 'absent' as const })))
    for (const { uuid } of wishes) expect(await host.control.settled(uuid)).toBeUndefined()
  })
})

describe('a cut uplink', () => {
  it('is dialled again', async () => {
    const client = await host.control.host()
    expect((await client.health()).engine.available).toBe(true)
    host.control.cut()
    expect((await (await host.control.host()).health()).engine.available).toBe(true)
  })
})

describe('an engine that goes away', () => {
  it('is told, frees nothing, and is worked with again when it is back', async () => {
    const wanted = await host.deploy()
    const before = await identify(wanted.uuid)
    await host.engine.kill()
    const down = await eventually(
      () => {
        const report = host.control.reports.at(-1)
        if (report?.engine.available !== false) throw new Error('The agent has not noticed.')
        return report
      },
      { timeoutMs: 15_000 },
    )
    expect(down).toMatchObject({ target_version: -1 })
    expect(down.engine.message).toContain('does not answer')
    expect(down.containers.every(({ busy }) => busy)).toBe(true)
    const client = await host.control.host()
    const body = { container_uuid: wanted.uuid, command: 'true' }
    await expect(client.exec({ body })).rejects.toMatchObject({ code: 'engine_unavailable' })
    expect((await client.health()).engine.available).toBe(false)

    const late = host.wish()
    host.control.want(late)
    await wait(500)
    await host.engine.start()
    expect(await host.control.settled(late.uuid, 60_000)).toMatchObject({ state: 'running' })
    expect(await identify(wanted.uuid)).toEqual(before)
    expect((await client.exec({ body })).exit_code).toBe(0)
  })
})

describe('a run that the engine has forgotten', () => {
  it('is ended, and the container starts as it was wished', async () => {
    const wanted = await host.deploy({ gpu_uuids: [host.gpus[1] ?? ''] })
    const forgotten = await identify(wanted.uuid)
    await host.engine.kill()
    await host.engine.forgetRun(forgotten.id ?? '')
    expect(existsSync(`/proc/${forgotten.pid}`)).toBe(true)
    await host.engine.start()
    await eventually(() => expect(existsSync(`/proc/${forgotten.pid}`)).toBe(false), { timeoutMs: 30_000 })
    await eventually(
      async () => {
        expect(await host.control.settled(wanted.uuid)).toMatchObject({ state: 'running', failure: null })
        expect(await identify(wanted.uuid)).toMatchObject({ id: forgotten.id })
      },
      { timeoutMs: 30_000 },
    )
  })
})

describe('a control plane that has lost its database', () => {
  it('is greeted again and obeyed, and the containers go on', async () => {
    const wanted = await host.deploy()
    const before = await identify(wanted.uuid)
    const hellos = host.control.hellos.length
    host.control.loseDatabase()
    await eventually(() => expect(host.control.hellos.length).toBeGreaterThan(hellos), { timeoutMs: 20_000 })
    expect(await identify(wanted.uuid)).toEqual(before)
    host.control.want({ ...wanted, desired: 'absent' })
    expect(await host.control.settled(wanted.uuid, 60_000)).toBeUndefined()
  })
})

describe('an agent that another one replaces', () => {
  it('says so and ends with a failure, and the containers go on', async () => {
    const wanted = await host.deploy()
    const before = await identify(wanted.uuid)
    host.control.replaceBoot()
    host.control.want({ ...wanted, desired: 'stopped' })
    await eventually(() => expect(host.agent.log()).toContain('another agent has taken over'), {
      timeoutMs: 20_000,
    })
    expect(await host.agent.kill('SIGTERM')).toBe(1)
    expect((await identify(wanted.uuid)).id).toBe(before.id)
    await host.agent.start()
  })
})
