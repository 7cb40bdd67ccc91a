import { frameType, type TargetContainer, toControlFrame } from '@gpulab/contract'
import { guestPath } from '@gpulab/guest'
import { eventually } from '@gpulab/testing'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDialer, type Dialer } from '../src/ports/dialer.ts'
import { findProcesses } from './find-processes.ts'
import { startTestHost, type TestHost } from './test-host.ts'

const port = 7000
const echoing = `nc -ll -p ${port} -e cat`

let host: TestHost
let dialer: Dialer
let wanted: TargetContainer
beforeAll(async () => {
  host = await startTestHost()
  dialer = createDialer(join(dirname(guestPath()), 'gpulab-dialer'), pino({ level: 'silent' }))
  wanted = await host.deploy({ command: ['sh', '-c', echoing] })
})
afterAll(async () => {
  dialer.close()
  await host[Symbol.asyncDispose]()
})

const find = async (uuid = wanted.uuid) => {
  const [container] = await host.list(uuid)
  if (!container) throw new Error('It is gone')
  return container
}
/** What the service gives back, by the agent; the service may be about to listen again. */
const echo = (text: string): Promise<string> =>
  eventually(
    async () => {
      const client = await host.control.host()
      const channel = await client.ports.connect({ params: { uuid: wanted.uuid, port } })
      await channel.send({ type: frameType.stdin, payload: Buffer.from(text) })
      await channel.send(toControlFrame({ type: 'eof' }))
      let heard = ''
      for await (const { type, payload } of channel.incoming)
        if (type === frameType.stdout) heard += Buffer.from(payload).toString()
      expect(heard).toBe(text)
      return heard
    },
    { timeoutMs: 10_000 },
  )

describe('the dialer', () => {
  it('connects to a port of the loopback address of a container, and of no other network', async () => {
    const container = await find()
    const connection = await dialer.dial(container, port)
    connection?.input.end('hello')
    let heard = ''
    for await (const bytes of connection?.output ?? []) heard += String(bytes)
    expect(heard).toBe('hello')
    const other = await find((await host.deploy({ command: ['sleep', '1000'] })).uuid)
    await expect(dialer.dial(other, port)).rejects.toMatchObject({ code: 'port_closed' })
  })

  it('leaves to the guest what is not the network of that container', async () => {
    const container = await find()
    const other = await find((await host.deploy({ command: ['sleep', '1000'] })).uuid)
    const wrong = [
      { ...container, pid: other.pid },
      { ...container, pid: process.pid },
      { ...container, pid: 1 },
      { ...container, pid: 0 },
      { ...container, pid: 2 ** 22 + 1 },
      { ...container, id: '' },
      { ...container, id: container.id.slice(1) },
    ]
    for (const each of wrong) expect(await dialer.dial(each, port)).toBeUndefined()
  })

  it('makes many connections at once, each for who has asked for it', async () => {
    const many = await host.deploy({
      command: [
        'sh',
        '-c',
        'mkdir /tmp/www; for n in $(seq 8); do echo $n >/tmp/www/$n; httpd -p 127.0.0.1:800$n -h /tmp/www; done; sleep 1000',
      ],
    })
    const container = await find(many.uuid)
    await eventually(async () => void (await dialer.dial(container, 8008)))
    const asked = Array.from({ length: 200 }, (_, n) => (n % 8) + 1)
    const connections = await Promise.all(asked.map((n) => dialer.dial(container, 8000 + n)))
    const reached = connections.map((each) => each?.input.remotePort)
    expect(reached).toEqual(asked.map((n) => 8000 + n))
    for (const each of connections) each?.output.resetAndDestroy()
  })

  it('has room for others while a container takes no connections', async () => {
    const script = 'httpd -f -p 127.0.0.1:9000 -h /tmp & sleep 0.5; kill -STOP $!; sleep 1000'
    const stuck = await find((await host.deploy({ command: ['sh', '-c', script] })).uuid)
    await eventually(async () => void (await dialer.dial(stuck, 9000)))
    await wait(1000)
    const pending = Array.from({ length: 300 }, () => dialer.dial(stuck, 9000).catch(() => undefined))
    expect(await dialer.dial(await find(), port)).toBeDefined()
    await host.engine.engine.getContainer(stuck.id).kill()
    for (const each of await Promise.all(pending)) each?.output.resetAndDestroy()
  })

  it('brings all of an answer that a service gives before it refuses the rest of an upload', async () => {
    const script = `nc -ll -p 9001 -e sh -c 'head -c 10 >/dev/null; head -c 500 /dev/zero'`
    const refusing = await find((await host.deploy({ command: ['sh', '-c', script] })).uuid)
    await eventually(async () => void (await dialer.dial(refusing, 9001))?.output.resetAndDestroy())
    for (let n = 0; n < 10; n++) {
      const connection = await dialer.dial(refusing, 9001)
      const upload = setInterval(() => connection?.input.write(Buffer.alloc(64 << 10)), 1)
      let bytes = 0
      connection?.output.on('data', (chunk: Buffer) => (bytes += chunk.length))
      await new Promise((resolve) => connection?.output.once('close', resolve))
      clearInterval(upload)
      connection?.input.destroy()
      expect(bytes).toBe(500)
    }
  })
})

describe('a port of a container', () => {
  it('is reached although its guest does not answer', async () => {
    await echo('before')
    const guests = await findProcesses('/.gpulab/gpulab-guest')
    expect(guests.length).toBeGreaterThan(0)
    for (const pid of guests) process.kill(Number(pid), 'SIGSTOP')
    await echo('stopped')
    for (const pid of guests) process.kill(Number(pid), 'SIGCONT')
  })

  it('is reached by the guest while the dialer is gone, whose connections stay', async () => {
    const client = await host.control.host()
    const open = await client.ports.connect({ params: { uuid: wanted.uuid, port } })
    const dialers = (await findProcesses('gpulab-dialer')).map(Number)
    for (const pid of dialers) process.kill(pid, 'SIGKILL')
    await open.send({ type: frameType.stdin, payload: Buffer.from('still there') })
    const reading = open.incoming[Symbol.asyncIterator]()
    const { value } = await reading.next()
    expect(Buffer.from(value?.payload ?? []).toString()).toBe('still there')
    open.destroy()
    await echo('by the guest')
    // A second later it is started again.
    await eventually(async () => {
      await echo('by another')
      const now = (await findProcesses('gpulab-dialer')).map(Number)
      expect(now.filter((pid) => !dialers.includes(pid))).not.toEqual([])
    })
  })

  it('is reached in the next run of the container, which has another network', async () => {
    const before = await find()
    await host.engine.engine.getContainer(before.id).restart({ t: 0 })
    expect((await find()).pid).not.toBe(before.pid)
    await echo('again')
  })

  it('is cut with its agent, and the dialer ends with it', async () => {
    const dialers = await findProcesses('gpulab-dialer')
    await host.agent.kill('SIGKILL')
    await eventually(async () => {
      // Of the agent: the other one is this test's own.
      const left = (await findProcesses('gpulab-dialer')).filter((pid) => dialers.includes(pid))
      expect(left.length).toBeLessThan(dialers.length)
    })
    await host.agent.start()
    await echo('with another agent')
  })
})
