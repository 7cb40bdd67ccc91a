import type { Container } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { eventually, run } from '@gpulab/testing'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request as sendRequest, type IncomingMessage } from 'node:http'
import { it } from 'vitest'
import { WebSocket } from 'ws'
import { containerServer } from '../src/container-server.ts'
import { startSystem, type System, testEngine } from '../src/start-system.ts'
import { median, quantile } from './measure.ts'
import { type NginxProxy, startNginx } from './nginx-proxy.ts'

const rounds = Number(process.env['GPULAB_BENCH_ROUNDS'] ?? 5)
const wrkSeconds = 3
const connections = 32
const echoes = 1000
const events = 30
const containers = 6
const sockets = 1000
const portHttp = 8080
/** The script serves its own loopback, and all addresses one port higher. */
const portLoopback = 8888
const portSocket = portLoopback + 1

/** One way in: through the gateway, or through nginx. */
interface Way {
  readonly port: number
  readonly host: string
  readonly socketHost: string
}

it('gateway beside nginx', { timeout: 600_000 }, async () => {
  await using bench = await openBench()
  const { ours, peer } = bench
  const rows: string[] = []
  const add = (name: string, values: readonly (string | number)[]): void => {
    const row = `${name.padEnd(40)}${values.map((value) => String(value).padStart(12)).join('')}`
    rows.push(row)
    process.stderr.write(`${row}\n`)
  }
  const inTurn = async (measure: (way: Way) => Promise<number>): Promise<[number, number, string]> => {
    const values = { ours: [] as number[], peer: [] as number[] }
    for (let n = 0; n <= rounds; n++) {
      const [first, second] = [await measure(peer), await measure(ours)]
      if (n === 0) continue
      values.peer.push(first)
      values.ours.push(second)
    }
    const ratio = median(values.ours.map((value, n) => value / (values.peer[n] ?? Number.NaN)))
    return [median(values.peer), median(values.ours), ratio.toFixed(2)]
  }
  const spent = await bench.cpuOf(async () => {
    const [there, here, ratio] = await inTurn((way) => requestsPerSecond(way))
    add(`requests a second, ${connections} connections`, [Math.round(there), Math.round(here), ratio])
  })
  add('  CPU seconds: gateway, agent', spent)
  const large = await bench.cpuOf(async () => {
    const [there, here, ratio] = await inTurn((way) => download(way))
    add('1 GiB download, MB/s', [Math.round(there), Math.round(here), ratio])
  })
  add('  CPU seconds: gateway, agent', large)
  const [there, here, ratio] = await inTurn((way) => roundTrip(way))
  add('WebSocket round trip, median, ms', [there.toFixed(2), here.toFixed(2), ratio])
  const late = { peer: await eventDelays(peer), ours: await eventDelays(ours) }
  add(
    'event passes after, median, ms',
    [median(late.peer), median(late.ours)].map((ms) => ms.toFixed(1)),
  )
  add(
    'event passes after, worst, ms',
    [quantile(late.peer, 1), quantile(late.ours, 1)].map((ms) => ms.toFixed(1)),
  )
  add(`MiB more with ${sockets} WebSockets open`, ['', await bench.memoryOfSockets()])
  process.stdout.write(`
${''.padEnd(40)}${['nginx', 'gpulab', 'ratio'].map((title) => title.padStart(12)).join('')}
${rows.join('\n')}

In turn on one machine, to the same services in one container: nginx there for requests and the download, Node for the rest.
nginx as a proxy has one worker, and goes straight to the container; the gateway goes through a lane and the agent.
`)
})

interface Bench extends AsyncDisposable {
  readonly ours: Way
  readonly peer: Way
  cpuOf(work: () => Promise<void>): Promise<string[]>
  memoryOfSockets(): Promise<string>
}

async function openBench(): Promise<Bench> {
  const stack = new AsyncDisposableStack()
  const system = stack.use(await startSystem())
  const container = await deploy(system, 'web-0')
  const address = await addressOf(system, container.uuid)
  const nginx: NginxProxy = stack.use(
    await startNginx(system.dir, { address, http: portHttp, socket: portSocket }),
  )
  const toHost = ({ uuid }: Container, port: number): string =>
    `${uuid}-${port}.proxy.localhost:${system.gateway.port}`
  const pids = (): number[] => [system.gateway.service.pid, system.agent.pid]
  return {
    ours: {
      port: system.gateway.port,
      host: toHost(container, portHttp),
      socketHost: toHost(container, portSocket),
    },
    peer: { port: nginx.port, host: 'localhost', socketHost: 'localhost' },
    cpuOf: async (work) => {
      const before = await Promise.all(pids().map(cpuSeconds))
      await work()
      const after = await Promise.all(pids().map(cpuSeconds))
      return after.map((seconds, index) => (seconds - (before[index] ?? 0)).toFixed(1))
    },
    memoryOfSockets: async () => {
      const others = [container]
      for (let n = 1; n <= containers; n++) others.push(await deploy(system, `web-${n}`))
      const before = await residentBytes(system.gateway.service.pid)
      const hosts = others.slice(1).map((each) => toHost(each, portSocket))
      const open = await Promise.all(
        Array.from({ length: sockets }, (_, n) =>
          openSocket(system.gateway.port, hosts[n % containers] ?? ''),
        ),
      )
      for (const socket of open) {
        socket.send('hello')
        await once(socket, 'message')
      }
      const after = await residentBytes(system.gateway.service.pid)
      for (const socket of open) socket.terminate()
      return ((after - before) / 2 ** 20).toFixed(0)
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function deploy(system: System, name: string): Promise<Container> {
  const { web } = await ensureImages({ dockerHost: testEngine().dockerHost, keys: ['web'] })
  const command = `truncate -s 1G /tmp/big; nginx; ${containerServer(portLoopback)}`
  const container = await system.json<Container>(
    'deploy',
    '--name',
    name,
    '--image',
    web.reference,
    '--memory',
    '1',
    '--ports',
    `${portHttp},${portSocket}`,
    '--wait',
    '--command',
    command,
  )
  await eventually(
    async () => {
      for (const port of [portHttp, portSocket]) {
        const host = `${container.uuid}-${port}.proxy.localhost`
        const { statusCode } = await open(
          { port: system.gateway.port, host: `${host}:${system.gateway.port}` },
          '/small',
        )
        if (statusCode !== 200) throw new Error(`${name} answers with ${statusCode}`)
      }
    },
    { timeoutMs: 30_000 },
  )
  return container
}

async function addressOf(system: System, uuid: string): Promise<string> {
  const own = (await system.listOwn()).find(({ Names }) => Names.some((name) => name.includes(uuid)))
  const networks = Object.values(own?.NetworkSettings.Networks ?? {})
  const address = networks.map(({ IPAddress }) => IPAddress).find((each) => each !== '')
  if (!address) throw new Error('The container has no address')
  return address
}

async function requestsPerSecond({ port, host }: Way): Promise<number> {
  const { stdout, stderr } = await run('wrk', [
    '-t1',
    `-c${connections}`,
    `-d${wrkSeconds}s`,
    '-H',
    `Host: ${host}`,
    `http://127.0.0.1:${port}/small`,
  ])
  const [, rate] = /Requests\/sec:\s+([\d.]+)/.exec(stdout) ?? []
  if (rate === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk: ${stdout}${stderr}`)
  return Number(rate)
}

const quietly =
  '--silent --fail --noproxy * --output /dev/null --write-out %{size_download},%{speed_download}'.split(' ')

async function download({ port, host }: Way): Promise<number> {
  const { code, stdout } = await run('curl', [
    ...quietly,
    '--header',
    `Host: ${host}`,
    `http://127.0.0.1:${port}/big`,
  ])
  const [size, speed] = stdout.split(',').map(Number)
  if (code !== 0 || size !== 2 ** 30) throw new Error(`curl ended with ${code}: ${stdout}`)
  return (speed ?? 0) / 1e6
}

async function roundTrip(way: Way): Promise<number> {
  const socket = await openSocket(way.port, way.socketHost)
  const message = Buffer.alloc(32, 'x')
  const times: number[] = []
  for (let n = 0; n < echoes; n++) {
    const start = performance.now()
    socket.send(message)
    await once(socket, 'message')
    times.push(performance.now() - start)
  }
  socket.terminate()
  return median(times)
}

async function openSocket(port: number, host: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { host }, perMessageDeflate: false })
  await once(socket, 'open')
  return socket
}

/** The service writes into each event when it has sent it, by the same clock. */
async function eventDelays({ port, socketHost }: Way): Promise<number[]> {
  const answer = await open({ port, host: socketHost }, '/ticks')
  const delays: number[] = []
  for await (const part of answer.setEncoding('utf8')) {
    const now = Date.now()
    for (const [, sent] of (part as string).matchAll(/data: (\d+)/g)) delays.push(now - Number(sent))
    if (delays.length >= events) break
  }
  return delays
}

async function open({ port, host }: { port: number; host: string }, path: string): Promise<IncomingMessage> {
  const request = sendRequest({ host: '127.0.0.1', port, path, headers: { host }, agent: false })
  request.end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  return answer
}

async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}
