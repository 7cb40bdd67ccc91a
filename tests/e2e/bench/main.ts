import { api, type Container, createClient } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import type Docker from 'dockerode'
import { once } from 'node:events'
import { run } from '../src/service.ts'
import { startSystem, type System } from '../src/start-system.ts'
import { type Comparison, compare, describe, header, timeOf } from './measure.ts'

const image = { template: 'ubuntu-22.04' }
const keepAlive = 'while :; do sleep 3600; done'

await using system = await startSystem()
const client = createClient(api, createHttpTransport({ url: system.apiUrl }), {
  headers: { 'api-key': system.apiKey },
})
const { image: reference } = await deploy('bench')
const [own] = await system.listOwn()
const dockerId = own?.Id ?? ''
const { uuid } = await system.json<Container>('inspect', 'bench')

console.log(header)
for (const comparison of [benchExec, benchExecProcess, benchDeploy, benchLogLatency]) {
  console.log(describe(await comparison(system)))
}
console.log(`
Medians and 95th percentiles of runs in turn, one machine, one process each way unless it says otherwise;
"over" and "ratio" are medians of the pairs. docker: the Engine's API (exec and deploy: create, start, inspect).`)

/** Deploys and waits for `running` by the event stream, as the CLI does. */
async function deploy(name: string): Promise<Container> {
  const container = await client.containers.create({
    body: { name, ...image, memory_bytes: 2 ** 30, command: keepAlive },
  })
  for await (const { status } of await client.events.ofContainer({
    params: container,
    query: { follow: 'true' },
  })) {
    if (status === 'running') return container
    if (status === 'failed') break
  }
  throw new Error(`${name} did not start`)
}

async function benchExec({ docker }: System): Promise<Comparison> {
  return compare('exec true, warm client', 40, {
    ours: () => timeOf(() => client.exec.run({ params: { uuid }, body: { command: ['true'] } })),
    peer: () => timeOf(() => dockerExec(docker)),
  })
}

async function dockerExec(docker: Docker): Promise<void> {
  const exec = await docker
    .getContainer(dockerId)
    .exec({ Cmd: ['true'], AttachStdout: true, AttachStderr: true })
  const stream = await exec.start({})
  stream.resume()
  await once(stream, 'end')
  await exec.inspect()
}

async function benchExecProcess(): Promise<Comparison> {
  return compare('exec true, whole CLI process', 15, {
    ours: () => timeOf(() => system.gpulab(['exec', uuid, '--', 'true'])),
    peer: () => timeOf(() => run('docker', ['exec', dockerId, 'true'])),
  })
}

async function benchDeploy({ docker }: System): Promise<Comparison> {
  // As ours, on a bridge network of its own.
  const network = await docker.createNetwork({ Name: `bench-${process.pid}` })
  await using _ = { [Symbol.asyncDispose]: () => network.remove() }
  let n = 0
  return await compare('deploy to running, image present', 12, {
    ours: async () => {
      const name = `bench-${++n}`
      const time = await timeOf(() => deploy(name))
      await system.gpulab(['rm', name, '--force'])
      return time
    },
    peer: async () => {
      let container: Docker.Container | undefined
      const time = await timeOf(async () => {
        container = await docker.createContainer({
          Image: reference,
          Cmd: ['/bin/sh', '-c', keepAlive],
          HostConfig: { Init: true, NetworkMode: network.id },
        })
        await container.start()
        await container.inspect()
      })
      await container?.remove({ force: true })
      return time
    },
  })
}

/** A container prints the time in nanoseconds; the latency is the reader's clock less that. */
async function benchLogLatency({ docker }: System): Promise<Comparison> {
  const lines = 60
  const command = `while :; do date +%s%N; sleep 0.05; done`
  const writer = await client.containers.create({
    body: { name: 'writer', ...image, memory_bytes: 2 ** 30, command },
  })
  await system.gpulab(['start', 'writer', '--wait'])
  const info = (await system.listOwn()).find(({ Names }) => Names.some((name) => name.includes(writer.uuid)))
  const [ours, peer] = await Promise.all([
    followOurs(writer.uuid, lines),
    followDocker(docker, info?.Id ?? '', lines),
  ])
  return { name: 'logs --follow, line to reader', ours, peer }
}

function latencyOf(line: string): number {
  return performance.timeOrigin + performance.now() - Number(line.trim()) / 1e6
}

async function followOurs(writer: string, lines: number): Promise<number[]> {
  const seen: number[] = []
  const stream = await client.logs.read({ params: { uuid: writer }, query: { follow: 'true', tail: 0 } })
  for await (const { line } of stream) {
    if (seen.push(latencyOf(line)) >= lines) break
  }
  return seen
}

async function followDocker(docker: Docker, id: string, lines: number): Promise<number[]> {
  const seen: number[] = []
  const stream = await docker.getContainer(id).logs({ follow: true, stdout: true, tail: 0 })
  for await (const chunk of stream) {
    // Frames of one short line each: eight bytes of header, then the line.
    if (seen.push(latencyOf((chunk as Buffer).subarray(8).toString())) >= lines) break
  }
  return seen
}
