import type { TargetContainer } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { eventually } from '@gpulab/testing'
import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AttachedSession } from './attach-session.ts'
import { findProcesses } from './find-processes.ts'
import { makeUserImage } from './make-user-image.ts'
import { sessionCalls } from './session-calls.ts'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost
let busybox: TargetContainer
let debian: TargetContainer
let plain: TargetContainer

beforeAll(async () => {
  host = await startTestHost()
  const images = await ensureImages({ dockerHost: host.engine.dockerHost, keys: ['debian'] })
  busybox = await host.deploy()
  debian = await host.deploy({ image: images.debian.reference })
  plain = await host.deploy({ image: await makeUserImage(host, '1000:1000') })
})
afterAll(() => host[Symbol.asyncDispose]())

const { create, attach, run, get } = sessionCalls(() => host)

describe('a session', () => {
  it.each([
    ['Debian', () => debian, 'guest', '0'],
    ['busybox', () => busybox, 'guest', '0'],
    ['an image with another user', () => plain, 'guest', '1000'],
  ])('runs in %s', async (_image, container, transport, user) => {
    const session = await create(container(), { command: 'id -u; echo err >&2; exit 3' })
    expect(session).toMatchObject({ transport, tty: false })
    const attached = await attach(session)
    expect(await attached.exit).toMatchObject({ exit_code: 3, signal: null, reason: 'exited', message: null })
    expect([attached.stdout(), attached.stderr()]).toEqual([`${user}\n`, 'err\n'])
    expect(attached.controls[0]).toEqual({ type: 'resumed', offset: 0, input_offset: 0 })
    // It lets go of its client once that has heard of the end.
    await eventually(async () =>
      expect(await get(session)).toMatchObject({ state: 'ended', exit_code: 3, attached: false }),
    )
  })

  it.each([
    ['the guest', {}],
    ['the engine', { user: '65534' }],
  ])('through %s is told of input, its end, and signals', async (way, user) => {
    const cat = await attach(await create(busybox, { command: ['cat'], stdin: true, ...user }))
    await cat.write('one\n')
    await eventually(() => expect(cat.stdout()).toBe('one\n'))
    await cat.send({ type: 'eof' })
    expect(await cat.exit).toMatchObject({ exit_code: 0 })
    const session = await create(busybox, {
      command: 'trap "echo got; exit 9" USR1; echo ready; while :; do sleep 0.05; done',
      ...user,
    })
    expect(session.transport).toBe(way === 'the guest' ? 'guest' : 'engine')
    const trap = await attach(session)
    await eventually(() => expect(trap.stdout()).toBe('ready\n'))
    await trap.send({ type: 'signal', signal: 'SIGUSR1' })
    expect(await trap.exit).toMatchObject({ exit_code: 9 })
    expect(trap.stdout()).toBe('ready\ngot\n')
    const group = await create(busybox, { command: 'echo ready; sleep 600; echo on', ...user })
    const asleep = await attach(group)
    await eventually(() => expect(asleep.stdout()).toBe('ready\n'))
    await asleep.send({ type: 'signal', signal: 'SIGTERM' })
    expect(await asleep.exit).toMatchObject({ exit_code: 143, reason: 'exited' })
  })

  it.each([
    ['the guest', {}],
    ['the engine', { user: '65534' }],
  ])('through %s has a terminal of the right size', async (_way, user) => {
    const session = await create(busybox, { tty: { columns: 81, rows: 33 }, command: ['sh'], ...user })
    const shell = await attach(session)
    await shell.write('stty size; echo $TERM\n')
    await eventually(() => expect(shell.stdout()).toMatch(/\r\n33 81\r\nxterm\r\n/))
    await shell.send({ type: 'resize', columns: 100, rows: 40 })
    await shell.write('stty size\n')
    await eventually(() => expect(shell.stdout()).toMatch(/\r\n40 100\r\n/))
    await shell.write('exit 4\n')
    expect(await shell.exit).toMatchObject({ exit_code: 4, reason: 'exited' })
  })

  it('without a command is a login shell', async () => {
    const shell = await attach(await create(debian, { tty: { columns: 80, rows: 24 } }))
    await shell.write('echo "<$0>" "<$SHELL>"; exit\n')
    expect(await shell.exit).toMatchObject({ exit_code: 0 })
    expect(shell.stdout()).toMatch(/<.*(ba)?sh> <\/bin\/(ba)?sh>/)
  })

  it('says why its program could not be run', async () => {
    const missing = await run(busybox, { command: ['no-such'] })
    expect(await missing.exit).toMatchObject({
      exit_code: 127,
      message: 'no-such: executable file not found in $PATH',
    })
    const engine = await run(busybox, { command: ['no-such'], user: '65534' })
    expect(await engine.exit).toMatchObject({
      exit_code: 127,
      message: 'no-such: executable file not found in $PATH',
    })
  })

  it('is made once for one id', async () => {
    const id = randomUUID()
    const body = { id, command: 'echo once >>/tmp/once; cat /tmp/once' }
    const [one, two] = await Promise.all([create(busybox, body), create(busybox, body)])
    expect(two.id).toBe(one.id)
    expect((await create(busybox, body)).started_at).toBe(one.started_at)
    const attached = await attach(one)
    await attached.exit
    expect(attached.stdout()).toBe('once\n')
  })

  it('takes a tar archive as its input, up to its true end', async () => {
    const size = 3_000_000
    const make = await run(debian, {
      command: `mkdir -p /tmp/a /tmp/b && head -c ${size} /dev/urandom >/tmp/a/f && sha256sum </tmp/a/f && tar -C /tmp/a -c f >/tmp/t`,
    })
    const archive = await run(debian, { command: ['cat', '/tmp/t'] })
    const unpack = await attach(
      await create(debian, { command: 'tar -C /tmp/b -x && sha256sum </tmp/b/f', stdin: true }),
    )
    const bytes = archive.output()
    for (let at = 0; at < bytes.length; at += 60_000) await unpack.write(bytes.subarray(at, at + 60_000))
    await unpack.send({ type: 'eof' })
    expect(await unpack.exit).toMatchObject({ exit_code: 0 })
    expect(unpack.stdout()).toBe(make.stdout())
  })
})

describe('who attaches again', () => {
  it('gets what it has not acknowledged, byte for byte, after any number of cuts', async () => {
    const bytes = 2_000_000
    const session = await create(busybox, { command: ['sh', '-c', `seq 1 400000 | head -c ${bytes}`] })
    const parts: Buffer[] = []
    let offset = 0
    for (let cuts = 0; cuts < 5; cuts++) {
      const { promise: enough, resolve } = Promise.withResolvers<void>()
      let seen = 0
      const attached = await attach(session, {
        offset,
        acks: true,
        onOutput: (part) => {
          seen += part.length
          if (seen > 200_000) resolve()
        },
      })
      await enough
      attached.channel.destroy()
      parts.push(attached.output())
      offset = attached.offset()
    }
    const last = await attach(session, { offset, acks: true })
    expect(await last.exit).toMatchObject({ exit_code: 0 })
    expect(last.controls.filter(({ type }) => type === 'gap')).toEqual([])
    const expected = (await run(busybox, { command: `seq 1 400000 | head -c ${bytes} | sha256sum` })).stdout()
    const all = Buffer.concat([...parts, last.output()])
    expect(all.length).toBe(bytes)
    expect(`${createHash('sha256').update(all).digest('hex')}  -\n`).toBe(expected)
  })

  it('finds all that others have only looked at, from wherever', async () => {
    const bytes = 3_000_000
    const command = `head -c ${bytes} /dev/zero | tr '\\0' x; sleep 100`
    const session = await create(busybox, { command, max_buffer: 4 << 20 })
    await eventually(async () => expect(await get(session)).toMatchObject({ end_offset: bytes }))
    const client = await host.control.host()
    const params = { uuid: busybox.uuid, id: session.id }
    const look = async (offset: number): Promise<number> => {
      const events = await client.sessions.output({ params, query: { offset, limit: 8 << 20 } })
      const found = await Array.fromAsync(events)
      return found.reduce((sum, { data }) => sum + Buffer.from(data ?? '', 'base64').length, 0)
    }
    expect(await look(2_000_000)).toBe(bytes - 2_000_000)
    expect(await look(0)).toBe(bytes)
    const attached = await attach(session)
    await eventually(() => expect(attached.output().length).toBe(bytes))
    expect(attached.controls).toEqual([{ type: 'resumed', offset: 0, input_offset: 0 }])
    await client.sessions.kill({ params })
  })

  it('takes the place of whoever is there, who is told', async () => {
    const session = await create(busybox, { command: ['cat'], stdin: true })
    const first = await attach(session)
    const second = await attach(session)
    await expect(first.exit).rejects.toMatchObject({ code: 'session_taken_over' })
    await second.write('x')
    await eventually(() => expect(second.stdout()).toBe('x'))
    await (await host.control.host()).sessions.kill({ params: { uuid: busybox.uuid, id: session.id } })
    expect(await second.exit).toMatchObject({ exit_code: 137, signal: 'SIGKILL', reason: 'killed' })
  })

  it('holds a program without a terminal back when it reads slowly, and only that', async () => {
    const session = await create(busybox, { command: 'yes', max_buffer: 64 << 10 })
    await eventually(async () => expect((await get(session)).end_offset).toBeGreaterThan(0))
    const settled = await eventually(async () => {
      const before = (await get(session)).end_offset
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect((await get(session)).end_offset).toBe(before)
      return before
    })
    expect(settled).toBeLessThan(3 << 20)
    await (await host.control.host()).sessions.kill({ params: { uuid: busybox.uuid, id: session.id } })
  })
})

describe('a new run of the agent', () => {
  it.each([
    ['a kill', 'SIGKILL'],
    ['a polite stop', 'SIGTERM'],
  ] as const)('after %s goes on with open sessions, and nothing is lost or doubled', async (_how, signal) => {
    const counting = 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.05; done'
    const session = await create(busybox, { command: counting })
    const detached = await create(busybox, { command: counting, detached: true })
    const shell = await create(busybox, { command: ['cat'], stdin: true, tty: { columns: 80, rows: 24 } })
    const body = { command: 'echo kept; sleep 100', user: '65534' }
    const lost = await create(busybox, { ...body, timeout: 30 * 86_400 })
    const lostDetached = await create(busybox, { ...body, detached: true })
    const ended = await create(busybox, { command: 'echo done', detached: true })
    // In whatever order the next agent learns of them.
    const idle = await Promise.all(
      Array.from({ length: 10 }, () => create(busybox, { command: 'sleep 100' })),
    )
    await get(ended, 10)
    await eventually(async () => expect(await get(lostDetached)).toMatchObject({ end_offset: 5 }))
    const before = await attach(session, { acks: true })
    await eventually(() => expect(before.stdout()).toContain('5\n'))
    await host.agent.kill(signal)
    await host.agent.start()
    const after = await attach(session, { offset: before.offset(), acks: true })
    expect(await after.exit).toMatchObject({ exit_code: 0, reason: 'exited' })
    const expected = Array.from({ length: 60 }, (_, index) => `${index + 1}\n`).join('')
    expect(before.stdout() + after.stdout()).toBe(expected)
    expect(await get(detached, 20)).toMatchObject({ state: 'ended', exit_code: 0, reason: 'exited' })
    expect((await run2(detached)).stdout()).toBe(expected)
    const again = await attach(shell)
    await again.write('x\n')
    await eventually(() => expect(again.stdout()).toContain('x\r\nx\r\n'))
    for (const each of [lost, lostDetached])
      expect(await get(each)).toMatchObject({ state: 'ended', reason: 'lost' })
    expect((await run2(lostDetached)).stdout()).toBe('kept\n')
    expect(await get(ended)).toMatchObject({ state: 'ended', exit_code: 0 })
    const client = await host.control.host()
    const output = await Array.fromAsync(
      await client.sessions.output({ params: { uuid: busybox.uuid, id: ended.id } }),
    )
    expect(output).toEqual([
      { offset: 0, stream: 'stdout', data: Buffer.from('done\n').toString('base64'), gap: null },
    ])
    for (const each of idle) expect(await get(each)).toMatchObject({ state: 'running' })
    for (const { id } of [shell, ...idle]) await client.sessions.kill({ params: { uuid: busybox.uuid, id } })
  })
})

const run2 = async (session: Parameters<typeof attach>[0]): Promise<AttachedSession> => {
  const attached = await attach(session)
  await attached.exit
  return attached
}

describe('an end', () => {
  it('of the container ends its sessions and says so', async () => {
    const container = await host.deploy()
    const session = await create(container, { command: ['cat'], stdin: true })
    const attached = await attach(session)
    host.control.want({ ...container, desired: 'stopped' })
    expect(await attached.exit).toMatchObject({ reason: 'container_ended', exit_code: null })
    expect(await get(session)).toMatchObject({ state: 'ended', reason: 'container_ended' })
    await expect(create(container, { command: 'true' })).rejects.toMatchObject({
      code: 'container_not_running',
    })
    host.control.want({ ...container, attempt: 2, start_after: (await list(container))?.startedAt ?? null })
    await host.control.settled(container.uuid)
    expect((await run(container, { command: 'echo again' })).stdout()).toBe('again\n')
  })

  it('of the guest, which the tenant killed, ends its sessions, and a new one serves', async () => {
    const container = await host.deploy()
    const session = await create(container, { command: ['cat'], stdin: true })
    const attached = await attach(session)
    const killer = await create(container, { command: 'kill -9 $(pidof gpulab-guest)' })
    expect(await attached.exit).toMatchObject({ reason: 'guest_killed', exit_code: null })
    expect(await get(killer, 10)).toMatchObject({ state: 'ended', reason: 'guest_killed' })
    const next = await create(container, { command: 'echo next' })
    expect((await run2(next)).stdout()).toBe('next\n')
    await eventually(
      async () => expect((await create(container, { command: 'true' })).transport).toBe('guest'),
      {
        timeoutMs: 20_000,
      },
    )
  })

  it.each([
    ['the guest', {}],
    ['the engine', { user: '65534' }],
  ])('by time, through %s, takes everything that it started', async (_way, user) => {
    const word = `7${Date.now()}`
    const script = `echo before; (setsid sh -c 'setsid sh -c "sleep ${word} & sleep ${word}" & sleep ${word}' &)
      trap "" TERM; sleep ${word}`
    const startedAt = Date.now()
    const attached = await run(busybox, { command: script, timeout: 1, ...user })
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    expect(await attached.exit).toMatchObject({ exit_code: 124, reason: 'timed_out' })
    expect(attached.stdout()).toBe('before\n')
    expect(await findProcesses(word)).toEqual([])
  })
})

describe('a detached session', () => {
  it('writes on although nobody reads, and keeps the newest', async () => {
    const session = await create(busybox, { command: 'seq 1 3000000; echo end >&2', detached: true })
    expect(await get(session, 60)).toMatchObject({ state: 'ended', exit_code: 0 })
    const { first_offset, end_offset } = await get(session)
    expect(end_offset).toBe(22_888_896 + 4)
    expect(first_offset).toBeGreaterThan(0)
    const attached = await run2(session)
    expect(attached.controls[1]).toEqual({ type: 'gap', bytes: first_offset })
    expect(attached.stdout().endsWith('2999999\n3000000\n')).toBe(true)
    expect(attached.stderr()).toBe('end\n')
  })
})

describe('many', () => {
  it('commands at once leave nothing in the engine', async () => {
    const client = await host.control.host()
    const container_uuid = busybox.uuid
    const commands = Array.from({ length: 8 }, () =>
      client.exec({ body: { container_uuid, command: ['true'] } }),
    )
    for (const { exit_code } of await Promise.all(commands)) expect(exit_code).toBe(0)
    const [found] = await host.list(busybox.uuid)
    const { ExecIDs } = (await host.engine.engine.getContainer(found?.id ?? '').inspect()) as unknown as {
      ExecIDs: string[] | null
    }
    expect(ExecIDs?.length ?? 0).toBeLessThanOrEqual(2)
  })

  it('sessions are bounded, and those of other containers are not theirs', async () => {
    const container = await host.deploy()
    const sessions = await Promise.all(
      Array.from({ length: 64 }, () => create(container, { command: 'sleep 100' })),
    )
    await expect(create(container, { command: 'true' })).rejects.toMatchObject({ code: 'rate_limited' })
    expect((await create(busybox, { command: 'sleep 1' })).state).toBe('running')
    const client = await host.control.host()
    await expect(
      client.sessions.get({ params: { uuid: busybox.uuid, id: sessions[0]?.id ?? '' } }),
    ).rejects.toMatchObject({ code: 'session_not_found' })
    const { items } = await client.sessions.list({ params: { uuid: container.uuid } })
    expect(items).toHaveLength(64)
    await Promise.all(
      sessions.map(({ id }) => client.sessions.kill({ params: { uuid: container.uuid, id } })),
    )
  })
})

describe('the end of a container', () => {
  it('is why its commands end, also if its guest saw one of them die first', async () => {
    const container = await host.deploy()
    const session = await create(container, { command: 'echo $$; exec sleep 1000' })
    const attached = await attach(session)
    await eventually(() => expect(attached.stdout()).toMatch(/^\d+\n$/))
    await create(container, { command: `kill -KILL ${attached.stdout().trim()}; kill -TERM 1` })
    expect(await attached.exit).toMatchObject({ reason: 'container_ended', exit_code: null })
  })
})

const list = async ({ uuid }: TargetContainer) => (await host.list(uuid))[0]

// Last: no container of this file is left running.
describe('a restart of the engine without live-restore', () => {
  it('ends all sessions and says so, and containers come back as their policy has it', async () => {
    const always = await host.deploy({ restart: { policy: 'unless-stopped', max_retries: null } })
    const never = await host.deploy()
    const sessions = await Promise.all([
      create(always, { command: ['cat'], stdin: true }),
      create(never, { command: ['cat'], stdin: true, detached: true }),
      create(always, { command: 'sleep 1000', user: '65534' }),
    ])
    const attached = await attach(sessions[0])
    await host.engine.restartPlainly()
    expect(await attached.exit).toMatchObject({ reason: 'container_ended', exit_code: null })
    for (const session of sessions)
      expect(await get(session, 60)).toMatchObject({ state: 'ended', exit_code: null })
    await eventually(async () => expect((await list(never))?.state).toBe('exited'), { timeoutMs: 60_000 })
    await eventually(
      async () => expect((await run(always, { command: 'echo again' })).stdout()).toBe('again\n'),
      {
        timeoutMs: 60_000,
      },
    )
  })
})
