import type Docker from 'dockerode'
import type { Engine } from './connect.ts'
import { callEngine, isMissingSource } from './errors.ts'
import { readLogFrames } from './logs.ts'

export interface ProbeSpec {
  readonly image: string
  readonly argv: readonly string[]
  readonly deviceRequest: Docker.DeviceRequest
}

export interface ProbeResult {
  readonly exitCode: number
  /** Both streams. */
  readonly output: string
}

/** Not the label of containers: nothing of what is done for those is done for a probe. */
const probeLabel = 'ai.gpulab.probe'
const probeMs = 60_000
const outputMaxCharacters = 4000

/** Runs a program in a throwaway container that has devices and nothing else, and removes it. */
export async function runProbe(engine: Engine, spec: ProbeSpec): Promise<ProbeResult> {
  const signal = AbortSignal.timeout(probeMs)
  await removeOldProbes(engine, signal)
  const container = await callEngine(() => engine.createContainer({ ...toProbe(spec), abortSignal: signal }))
  try {
    await callEngine(() => container.start({ abortSignal: signal }))
    const { StatusCode } = (await callEngine(() => container.wait({ abortSignal: signal }))) as {
      StatusCode: number
    }
    return { exitCode: StatusCode, output: await readOutput(engine, container.id, signal) }
  } finally {
    await callEngine(() => container.remove({ force: true, v: true }))
  }
}

/** Whether the engine has this folder, too, which it says when a container is made; none is started. */
export async function seesFolder(engine: Engine, image: string, folder: string): Promise<boolean> {
  const abortSignal = AbortSignal.timeout(probeMs)
  await removeOldProbes(engine, abortSignal)
  const Mounts: Docker.MountSettings[] = [{ Type: 'bind', Source: folder, Target: '/probe', ReadOnly: true }]
  try {
    const container = await callEngine(() =>
      engine.createContainer({
        Image: image,
        Cmd: ['true'],
        Labels: { [probeLabel]: 'folder' },
        HostConfig: { NetworkMode: 'none', Mounts },
        abortSignal,
      }),
    )
    await callEngine(() => container.remove({ force: true, v: true }))
    return true
  } catch (error) {
    if (isMissingSource(error, [folder])) return false
    throw error
  }
}

const toProbe = ({ image, argv, deviceRequest }: ProbeSpec): Docker.ContainerCreateOptions => ({
  Image: image,
  Entrypoint: [...argv],
  Cmd: [],
  Labels: { [probeLabel]: 'gpu' },
  HostConfig: {
    NetworkMode: 'none',
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges:true'],
    PidsLimit: 64,
    Memory: 512 << 20,
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: {} },
    DeviceRequests: [deviceRequest],
  },
})

/** A doctor that was killed could not remove its own. */
async function removeOldProbes(engine: Engine, abortSignal: AbortSignal): Promise<void> {
  const filters = { label: [probeLabel], status: ['created', 'exited', 'dead'] }
  const old = await callEngine(() => engine.listContainers({ all: true, filters, abortSignal }))
  for (const { Id } of old) {
    await callEngine(() => engine.getContainer(Id).remove({ force: true, v: true, abortSignal })).catch(
      () => {},
    )
  }
}

async function readOutput(engine: Engine, id: string, signal: AbortSignal): Promise<string> {
  let text = ''
  for await (const { payload } of readLogFrames(engine, id, { follow: false }, signal)) {
    if (text.length < outputMaxCharacters) text += payload.toString('utf8')
  }
  return text.slice(0, outputMaxCharacters)
}
