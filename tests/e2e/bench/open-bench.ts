import { api, type Client, type Container, createClient } from '@gpulab/contract'
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

export async function openBench(): Promise<Bench> {
  const system = await startSystem()
  const headers = { 'api-key': system.apiKey }
  const client = createClient(api, createHttpTransport({ url: system.apiUrl }), { headers })
  const { uuid, image: reference } = await deploy(client, 'bench')
  const [own] = await system.listOwn()
  return {
    system,
    client,
    uuid,
    reference,
    dockerId: own?.Id ?? '',
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  }
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
