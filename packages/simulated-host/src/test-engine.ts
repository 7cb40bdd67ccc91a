import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callEngine, callEngineJson, ensureImages, readText } from '@gpulab/images'
import { startEngine, type Engine } from './engine.ts'

/** For the docker tests: an engine in a folder of its own, gone with everything at the end of its scope. */
export async function startTestEngine(gpus: string): Promise<Engine & { stateDir: string; busybox: string }> {
  const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-sim-'))
  const engine = await startEngine({ stateDir, name: 'test', gpus })
  const { busybox } = await ensureImages({ dockerHost: engine.dockerHost, keys: ['busybox'] })
  const dispose = async () => {
    await engine.stop({ keepContainers: false })
    await rm(stateDir, { recursive: true })
  }
  return { ...engine, stateDir, busybox: busybox.reference, [Symbol.asyncDispose]: dispose }
}

/** What a test's container is made of. `gpus` are uuids, indexes or `all`. */
export interface TestContainer {
  image: string
  command: readonly string[]
  gpus?: readonly string[]
  env?: readonly string[]
  name?: string
  network?: string
  /** Folders of the machine, each `source:target:ro`. */
  binds?: readonly string[]
  /** Port of the container that gets a port on 127.0.0.1. */
  publish?: number
}

/** Creates and starts a container; gives its id. */
export async function startContainer(dockerHost: string, container: TestContainer): Promise<string> {
  const port = `${container.publish ?? 0}/tcp`
  const body = {
    Image: container.image,
    Cmd: container.command,
    Env: container.env ?? [],
    Tty: true,
    ...(container.publish !== undefined && { ExposedPorts: { [port]: {} } }),
    HostConfig: {
      Binds: container.binds ?? [],
      ...(container.network !== undefined && { NetworkMode: container.network }),
      ...(container.gpus && {
        DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: container.gpus, Capabilities: [['gpu']] }],
      }),
      ...(container.publish !== undefined && {
        PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
      }),
    },
  }
  const path = `/containers/create${container.name === undefined ? '' : `?name=${container.name}`}`
  const { Id } = await callEngineJson<{ Id: string }>(dockerHost, path, { method: 'POST', json: body })
  await callEngineJson(dockerHost, `/containers/${Id}/start`, { method: 'POST' })
  return Id
}

/** Runs a container to its end and removes it. */
export async function runContainer(dockerHost: string, container: TestContainer) {
  const id = await startContainer(dockerHost, container)
  const path = `/containers/${id}`
  const { StatusCode } = await callEngineJson<{ StatusCode: number }>(dockerHost, `${path}/wait`, {
    method: 'POST',
  })
  const { body } = await callEngine(dockerHost, `${path}/logs?stdout=1&stderr=1`)
  const output = (await readText(body)).replaceAll('\r\n', '\n')
  await callEngineJson(dockerHost, `${path}?force=1&v=1`, { method: 'DELETE' })
  return { exitCode: StatusCode, output }
}
