import type Docker from 'dockerode'
import { it } from 'vitest'
import { run } from '@gpulab/testing'
import { type Comparison, compare, describeComparison, header, timeOf } from './measure.ts'
import { type Bench, deploy, dockerExec, image, keepAlive, openBench } from './open-bench.ts'

it('beside docker', { timeout: 600_000 }, async () => {
  await using bench = await openBench()
  const rows: string[] = []
  for (const comparison of [benchExec, benchEngineExec, benchExecProcess, benchDeploy, benchLogLatency]) {
    rows.push(describeComparison(await comparison(bench)))
  }
  process.stdout.write(`
${header}
${rows.join('\n')}

Milliseconds; runs in turn on one machine. "over" and "ratio" are medians of the pairs. docker: the Engine's API
(exec; create, start and inspect for the deploy), or the docker command where it says so.
`)
})

async function benchExec({ client, uuid, system, dockerId }: Bench): Promise<Comparison> {
  return compare('exec true, warm client', 40, {
    ours: () => timeOf(() => client.exec.run({ params: { uuid }, body: { command: ['true'] } })),
    peer: () => timeOf(() => dockerExec(system.docker, dockerId)),
  })
}

/** As a user that the guest is not: the engine starts it. */
async function benchEngineExec({ client, uuid, system, dockerId }: Bench): Promise<Comparison> {
  const user = '65534'
  return compare('exec true through the engine', 30, {
    ours: () => timeOf(() => client.exec.run({ params: { uuid }, body: { command: ['true'], user } })),
    peer: () => timeOf(() => dockerExec(system.docker, dockerId, user)),
  })
}

async function benchExecProcess({ system, uuid, dockerId }: Bench): Promise<Comparison> {
  return compare('exec true, whole process', 15, {
    ours: () => timeOf(() => system.gpulab(['exec', uuid, '--', 'true'])),
    peer: () => timeOf(() => run('docker', ['exec', dockerId, 'true'])),
  })
}

async function benchDeploy({ client, system, reference }: Bench): Promise<Comparison> {
  // As ours, on a bridge network of its own.
  const { docker } = system
  const network = await docker.createNetwork({ Name: `bench-${process.pid}` })
  await using _ = { [Symbol.asyncDispose]: () => network.remove() }
  let n = 0
  return await compare('deploy to running, image present', 12, {
    ours: async () => {
      const name = `bench-${++n}`
      const time = await timeOf(() => deploy(client, name))
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
async function benchLogLatency({ client, system }: Bench): Promise<Comparison> {
  const lines = 60
  const command = `while :; do date +%s%N; sleep 0.05; done`
  const writer = await client.containers.create({
    body: { name: 'writer', ...image, memory_bytes: 2 ** 30, command },
  })
  await system.gpulab(['start', 'writer', '--wait'])
  const info = (await system.listOwn()).find(({ Names }) => Names.some((name) => name.includes(writer.uuid)))
  const [ours, peer] = await Promise.all([
    followOurs(client, writer.uuid, lines),
    followDocker(system.docker, info?.Id ?? '', lines),
  ])
  return { name: 'logs --follow, line to reader', ours, peer }
}

function latencyOf(line: string): number {
  return performance.timeOrigin + performance.now() - Number(line.trim()) / 1e6
}

async function followOurs(client: Bench['client'], writer: string, lines: number): Promise<number[]> {
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
