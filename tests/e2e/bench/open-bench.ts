import { api, type Client, type Container, createClient, parseControl, toJsonFrame } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import type Docker from 'dockerode'
import { once } from 'node:events'
import { startSystem, type System } from '../src/start-system.ts'

export const image = { template: 'ubuntu-22.04' }
export const keepAlive = 'while :; do sleep 3600; done'

/** What every comparison works on. */
export interface Bench extends AsyncDisposable {
  readonly system: System
  readonly client: Client<typeof api>
  /** A container that runs, for us and for Docker, and its image. */
  readonly uuid: string
  readonly dockerId: string
  readonly reference: string
}

/** Sessions before anything is measured. */
const warmUps = 500

/**
 * API and agent have served for a while, as they have wherever somebody works with them: V8 compiles what it runs often, where
 * dockerd is compiled before it starts.
 */
export async function openBench(): Promise<Bench> {
  const system = await startSystem()
  const headers = { 'api-key': system.apiKey }
  const client = createClient(api, createHttpTransport({ url: system.apiUrl }), { headers })
  const { uuid, image: reference } = await deploy(client, 'bench')
  const [own] = await system.listOwn()
  for (let n = 0; n < warmUps; n++) await runTrue(client, uuid)
  return {
    system,
    client,
    uuid,
    reference,
    dockerId: own?.Id ?? '',
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  }
}

async function runTrue(client: Bench['client'], container: string): Promise<void> {
  const channel = await client.sessions.open({ params: { container } })
  await channel.send(toJsonFrame({ type: 'open', session: { command: ['true'] } }))
  const frames = await Array.fromAsync(channel.incoming)
  const last = frames.at(-1)
  if (!last || parseControl(last).type !== 'exit') throw new Error('A session did not come to its end')
}

/** Deploys and waits for `running` by the event stream, as the CLI does. */
export async function deploy(client: Bench['client'], name: string): Promise<Container> {
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

export async function dockerExec(docker: Docker, dockerId: string, user?: string): Promise<void> {
  const exec = await docker.getContainer(dockerId).exec({
    Cmd: ['true'],
    AttachStdout: true,
    AttachStderr: true,
    ...(user !== undefined && { User: user }),
  })
  const stream = await exec.start({})
  stream.resume()
  await once(stream, 'end')
  await exec.inspect()
}
