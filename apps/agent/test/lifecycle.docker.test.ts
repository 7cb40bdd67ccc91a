import type { TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost

beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host[Symbol.asyncDispose]())

const run = async (wanted: TargetContainer, command: string | string[]) => {
  const client = await host.control.host()
  return client.exec({ body: { container_uuid: wanted.uuid, command } })
}
const remove = async (wanted: TargetContainer) => {
  host.control.want({ ...wanted, desired: 'absent' })
  expect(await host.control.settled(wanted.uuid)).toBeUndefined()
}
/** Its command has begun to wait, and by then to take a polite stop for one. */
const untilPolite = ({ uuid }: TargetContainer) =>
  eventually(async () => {
    const [container] = await host.list(uuid)
    const { Processes } = await host.engine.engine.getContainer(container?.id ?? '').top()
    expect(Processes.flat().join(' ')).toMatch(/(?<!do )sleep 3600/)
  })
const linesOf = (wanted: TargetContainer) =>
  host.control.lines.filter(({ container_uuid: uuid }) => uuid === wanted.uuid).map(({ line }) => line)

describe('a container', () => {
  it('with a leased GPU sees exactly that one, also in exec', async () => {
    const [, second, third] = host.gpus
    const one = await host.deploy({ gpu_uuids: [second ?? ''] })
    const listing = await run(one, ['nvidia-smi', '--query-gpu=uuid', '--format=csv,noheader'])
    expect(listing.stdout).toBe(`${second}\n`)
    const variable = await run(
      one,
      'echo $NVIDIA_VISIBLE_DEVICES; tr "\\0" "\\n" </proc/1/environ | grep -c VISIBLE',
    )
    expect(variable.stdout).toContain(second)
    await eventually(() =>
      expect(linesOf(one)).toEqual([expect.stringContaining('needs a terminal'), 'Created', 'Started']),
    )
    await remove(one)

    const two = await host.deploy({ gpu_uuids: [second ?? '', third ?? ''] })
    const both = await run(two, ['nvidia-smi', '--query-gpu=uuid', '--format=csv,noheader'])
    expect(both.stdout).toBe(`${second}\n${third}\n`)
    await remove(two)
  })

  it('without a GPU sees none, whatever its environment asks for', async () => {
    const env = {
      NVIDIA_VISIBLE_DEVICES: 'all',
      NVIDIA_DRIVER_CAPABILITIES: 'all',
      LD_PRELOAD: '/x.so',
      PLAIN: 'y z',
    }
    const wanted = await host.deploy({ env })
    expect((await run(wanted, ['nvidia-smi'])).exit_code).toBe(127)
    expect((await run(wanted, 'ls /dev | grep -c nvidia')).stdout).toBe('0\n')
    const { stdout } = await run(wanted, 'tr "\\0" "\\n" </proc/1/environ')
    expect(stdout).toContain('NVIDIA_VISIBLE_DEVICES=void\n')
    expect(stdout).toContain('PLAIN=y z\n')
    expect(stdout).not.toMatch(/LD_PRELOAD|=all/)
    await remove(wanted)
  })

  it('with a GPU sees no other one when its environment asks for all', async () => {
    const [first] = host.gpus
    const wanted = await host.deploy({ gpu_uuids: [first ?? ''], env: { NVIDIA_VISIBLE_DEVICES: 'all' } })
    expect((await run(wanted, ['nvidia-smi', '-L'])).stdout.trim().split('\n')).toHaveLength(1)
    await remove(wanted)
  })

  it('is hardened', async () => {
    const wanted = await host.deploy({ cpus: 0.5 })
    const status = (await run(wanted, 'grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/1/status; id -u')).stdout
    expect(status).toMatch(/NoNewPrivs:\s+1/)
    expect(status).toMatch(/Seccomp:\s+2/)
    // CHOWN … AUDIT_WRITE of spec.ts and nothing else.
    expect(status).toMatch(/CapBnd:\s+00000000200405fb/)
    for (const command of ['mknod /tmp/x c 1 3', 'mount -t tmpfs none /tmp', 'mkdir /sys/fs/cgroup/pids/x']) {
      expect((await run(wanted, command)).exit_code).not.toBe(0)
    }
    await remove(wanted)
  })
})

describe('the wish', () => {
  it('to stop, start and restart is fulfilled once', async () => {
    const wanted = await host.deploy({ gpu_uuids: [host.gpus[0] ?? ''] })
    const first = await host.control.settled(wanted.uuid)
    await untilPolite(wanted)

    host.control.want({ ...wanted, desired: 'stopped' })
    expect(await host.control.settled(wanted.uuid)).toMatchObject({ state: 'exited', exit_code: 0 })

    const again = { ...wanted, start_after: first?.started_at ?? '' }
    host.control.want(again)
    const second = await host.control.settled(wanted.uuid)
    expect(second?.state).toBe('running')
    expect(second?.started_at).not.toBe(first?.started_at)

    const restarted = { ...wanted, start_after: second?.started_at ?? '' }
    host.control.want(restarted)
    const third = await host.control.settled(wanted.uuid)
    expect(third?.state).toBe('running')
    expect(third?.started_at).not.toBe(second?.started_at)
    // The same wish once more, and an old one that comes late.
    host.control.want(restarted)
    host.control.want(again)
    expect((await host.control.settled(wanted.uuid))?.started_at).toBe(third?.started_at)
    await remove(wanted)
    expect(await host.list(wanted.uuid)).toEqual([])
  })

  it('for a new generation replaces the old container', async () => {
    const wanted = await host.deploy()
    const next = { ...wanted, generation: 2, env: { A: 'two' } }
    host.control.want(next)
    expect(await host.control.settled(wanted.uuid)).toMatchObject({ generation: 2, state: 'running' })
    expect(await host.list(wanted.uuid)).toHaveLength(1)
    expect((await run(next, 'echo $A')).stdout).toBe('two\n')
    await remove(next)
  })

  it('for something gone or ended is let be', async () => {
    const { wanted: ended, facts } = await host.runToEnd({ command: ['sh', '-c', 'exit 7'] })
    expect(facts).toMatchObject({ exit_code: 7, failure: null })
    const present = (await host.list(ended.uuid))[0]
    await host.engine.engine.getContainer(present?.id ?? '').remove()
    host.control.want(ended)
    expect(await host.control.settled(ended.uuid)).toMatchObject({
      state: 'absent',
      failure: { code: 'container_lost' },
    })
    expect(await host.list(ended.uuid)).toEqual([])
    await remove(ended)
  })

  it('is left alone when it is no longer in the target', async () => {
    const wanted = await host.deploy()
    host.control.forget(wanted.uuid)
    expect(await host.control.settled(wanted.uuid)).toMatchObject({ state: 'running' })
    await eventually(() => expect(host.agent.log()).toContain('left alone'))
    await remove(wanted)
  })
})

describe('trouble', () => {
  const fail = async (fields: Partial<TargetContainer>) => {
    const wanted = host.wish(fields)
    host.control.want(wanted)
    const facts = await host.control.settled(wanted.uuid)
    expect(facts).toMatchObject({ state: 'absent', busy: false, generation: 1 })
    expect(await host.list(wanted.uuid)).toEqual([])
    // Told on their own, and not in the report.
    await eventually(() => expect(linesOf(wanted).at(-1)).toMatch(/^Failed: /))
    await remove(wanted)
    return facts?.failure
  }

  it('with an image is told in a sentence, and nothing is left', async () => {
    const failure = await fail({ image: 'registry.invalid/none/such:1' })
    expect(failure?.code).toBe('image_pull_failed')
    expect(failure?.message).toContain('registry.invalid/none/such:1')
    expect(failure?.message).toContain('registry may not be reachable')
    const nameless = await fail({ image: 'UPPER:x' })
    expect(nameless?.code).toBe('image_not_found')
    expect(nameless?.message).toMatch(/repository name .*must be lowercase/)
  })

  it('with the command is told in a sentence, and nothing runs', async () => {
    const { wanted, facts } = await host.runToEnd({ command: ['no-such-program', '-x'] })
    expect(facts).toMatchObject({ exit_code: 127, failure: { code: 'command_not_startable' } })
    expect(facts.failure?.message).toContain('"no-such-program": No such file or directory')
    // It stays known when the control plane answers, and tells it from a program that ends with 127 by itself.
    host.control.want({ ...wanted, desired: 'stopped' })
    expect((await host.control.settled(wanted.uuid))?.failure).toEqual(facts.failure)
    const { wanted: own, facts: ownFacts } = await host.runToEnd({ command: ['sh', '-c', 'exit 127'] })
    expect(ownFacts).toMatchObject({ exit_code: 127, failure: null })
    await remove(own)
    await remove(wanted)
  })

  it('with a GPU is told in a sentence, and nothing is left', async () => {
    const failure = await fail({ gpu_uuids: ['GPU-none'] })
    expect(failure).toMatchObject({ code: 'gpu_unavailable' })
    expect(failure?.message).toContain('GPU-none')
  })

  it('with limits is told in a sentence, and nothing is left', async () => {
    expect(await fail({ cpus: 4096 })).toMatchObject({ code: 'container_create_failed' })
  })

  it('keeps a second container off a GPU that is in use', async () => {
    const gpu = host.gpus[2] ?? ''
    const holder = await host.deploy({ gpu_uuids: [gpu] })
    const failure = await fail({ gpu_uuids: [gpu] })
    expect(failure).toMatchObject({ code: 'gpu_busy' })
    expect(failure?.message).toContain(holder.uuid)
    await remove(holder)
  })

  it('of one start leaves the user files of earlier runs in place', async () => {
    const wanted = await host.deploy({ gpu_uuids: [host.gpus[0] ?? ''] })
    const facts = await host.control.settled(wanted.uuid)
    host.control.want({ ...wanted, desired: 'stopped' })
    await host.control.settled(wanted.uuid)
    const thief = await host.deploy({ gpu_uuids: [host.gpus[0] ?? ''] })
    host.control.want({ ...wanted, start_after: facts?.started_at ?? '' })
    expect(await host.control.settled(wanted.uuid)).toMatchObject({
      state: 'exited',
      failure: { code: 'gpu_busy' },
    })
    // Once more, whatever the control plane wishes meanwhile: the attempt has failed, and stays so.
    const starts = () => host.agent.log().split('an attempt has failed').length
    const before = starts()
    const again = { ...wanted, start_after: facts?.started_at ?? '' }
    await remove(thief)
    for (const wish of [{ ...again, desired: 'stopped' as const }, again]) {
      host.control.want(wish)
      expect(await host.control.settled(wanted.uuid)).toMatchObject({
        state: 'exited',
        failure: { code: 'gpu_busy', attempt: 1 },
      })
    }
    expect(starts()).toBe(before)
    host.control.want({ ...again, attempt: 2 })
    expect(await host.control.settled(wanted.uuid)).toMatchObject({ state: 'running', failure: null })
    await remove(wanted)
  })

  it('of leases keeps a container from its GPUs', async () => {
    const [gpu = '', other = ''] = host.gpus
    const wanted = await host.deploy({ gpu_uuids: [gpu] })
    const facts = await host.control.settled(wanted.uuid)
    host.control.want({ ...wanted, desired: 'stopped' })
    await host.control.settled(wanted.uuid)
    for (const [n, gpus] of [[], [other], [gpu, other]].entries()) {
      host.control.want({
        ...wanted,
        start_after: facts?.started_at ?? '',
        attempt: n + 2,
        gpu_uuids: gpus,
      })
      expect(await host.control.settled(wanted.uuid)).toMatchObject({
        state: 'exited',
        failure: { code: 'gpu_not_leased', attempt: n + 2 },
      })
    }
    await remove(wanted)
  })
})

describe('many containers', () => {
  it('at once are all there, and one GPU never in two of them', async () => {
    const gpu = host.gpus[1] ?? ''
    const wishes = Array.from({ length: 8 }, (_, n) => host.wish({ gpu_uuids: n < 2 ? [gpu] : [] }))
    host.control.want(...wishes)
    const facts = await Promise.all(wishes.map(({ uuid }) => host.control.settled(uuid, 60_000)))
    const states = facts.map((each) => each?.state)
    expect(states.slice(2)).toEqual(Array.from({ length: 6 }, () => 'running'))
    expect(new Set(states.slice(0, 2))).toEqual(new Set(['absent', 'running']))
    host.control.want(...wishes.map((wanted) => ({ ...wanted, desired: 'absent' as const })))
    for (const { uuid } of wishes) expect(await host.control.settled(uuid, 60_000)).toBeUndefined()
  })
})
