import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { callEngineJson } from '@gpulab/images'

/** An engine that somebody else runs on this machine. */
export interface MachineEngine {
  dockerHost: string
  hasNvidiaRuntime: boolean
}

interface EngineInfo {
  DockerRootDir: string
  Runtimes?: Record<string, unknown>
}

/** The engine of DOCKER_HOST, else of the usual sockets; undefined if none answers. */
export async function findMachineEngine(env: NodeJS.ProcessEnv): Promise<MachineEngine | undefined> {
  const sockets = ['/var/run/docker.sock', join(env['XDG_RUNTIME_DIR'] ?? '/nonexistent', 'docker.sock')]
  for (const dockerHost of [env['DOCKER_HOST'], ...sockets.map((socket) => `unix://${socket}`)]) {
    if (!dockerHost?.startsWith('unix:///')) continue
    const info = await callEngineJson<EngineInfo>(dockerHost, '/info', { idleMs: 10_000 }).catch(
      () => undefined,
    )
    if (info === undefined || (await isOurs(dockerHost, info))) continue
    return { dockerHost, hasNvidiaRuntime: 'nvidia' in (info.Runtimes ?? {}) }
  }
  return undefined
}

/** A shell that has DOCKER_HOST from another system of ours must not make us a part of that one. */
async function isOurs(dockerHost: string, { DockerRootDir }: EngineInfo): Promise<boolean> {
  const socketFolder = dirname(dockerHost.slice('unix://'.length))
  const marks = [join(dirname(DockerRootDir), 'engine.json'), join(socketFolder, 'ready')]
  const found = await Promise.all(
    marks.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}
