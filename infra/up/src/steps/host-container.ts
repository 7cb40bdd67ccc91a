import { rm } from 'node:fs/promises'
import { callEngine, callEngineJson, EngineError, ensureImages, readText } from '@gpulab/images'
import { startSimulatedHost } from '@gpulab/simulated-host'
import { checkout, nodeBinary } from '../checkout.ts'
import { untilAborted } from '../interruptible.ts'
import type { StateLayout } from '../state-layout.ts'
import { agentEnvironment, agentProgram } from './agent.ts'
import type { EngineOptions, RunningEngine } from './engine.ts'
import type { MachineEngine } from './machine-engine.ts'

/**
 * Starts a simulated GPU host in the machine's engine. The agent runs in it as soon as the API's socket is there, and
 * a token to join with where it needs one; it reaches the API through that socket, so nothing has to be open on a
 * network.
 */
export async function startHostContainer(
  layout: StateLayout,
  { machine, gpus, gpuCount, note, signal }: EngineOptions & { machine: MachineEngine; gpuCount: number },
): Promise<RunningEngine> {
  const docker = machine.dockerHost
  const images = await untilAborted(
    ensureImages({ dockerHost: docker, keys: ['gpu-host'], log: note }),
    signal,
  )
  note('starting the simulated host')
  for (const file of [layout.apiSocket, layout.joinTokenFile]) await rm(file, { force: true })
  const waitForApi =
    'until [ -S "$1" ] && { [ -e "$2" ] || [ -e "$3" ]; }; do sleep 0.1; done; shift 3; exec "$@"'
  const awaited = [layout.apiSocket, layout.identityFile, layout.joinTokenFile]
  const host = await startSimulatedHost({
    docker,
    image: images['gpu-host'].reference,
    name: layout.hostName,
    gpus,
    stateDir: layout.simulatedHostDir,
    mounts: [
      { source: checkout, target: checkout, readOnly: true },
      { source: layout.runDir, target: layout.runDir },
      { source: layout.agentDir, target: layout.agentDir },
    ],
    command: ['sh', '-c', waitForApi, 'sh', ...awaited, nodeBinary, agentProgram],
    env: agentEnvironment(layout, {
      apiUrl: `unix:${layout.apiSocket}`,
      isSimulated: true,
      dockerHost: 'unix:///var/run/docker.sock',
      nvidiaSmi: 'nvidia-smi',
    }),
    signal,
  })
  return {
    kind: 'host-container',
    dockerHost: host.dockerHost,
    nvidiaSmi: undefined,
    gpuCount,
    ended: waitForEnd(docker, host.containerId),
    [Symbol.asyncDispose]: () => host.stop(),
  }
}

/** Removes a simulated host that its supervisor has left behind. */
export async function removeHostContainer(layout: StateLayout, env: NodeJS.ProcessEnv): Promise<void> {
  for (const docker of [env['DOCKER_HOST'], 'unix:///var/run/docker.sock']) {
    if (!docker?.startsWith('unix:///')) continue
    const path = `/containers/${layout.hostName}?force=1&v=1`
    await callEngine(docker, path, { method: 'DELETE' }).then(
      ({ body }) => body.resume(),
      () => undefined,
    )
  }
}

async function waitForEnd(docker: string, id: string): Promise<string> {
  const how = await callEngineJson<{ StatusCode: number }>(docker, `/containers/${id}/wait`, {
    method: 'POST',
    // The Engine answers when the container ends; there is no limit on when that is.
    idleMs: 0,
  }).then(
    ({ StatusCode }) => `exit code ${StatusCode}`,
    (error: Error) =>
      error instanceof EngineError ? error.message : `its engine went away: ${error.message}`,
  )
  const lines = await callEngine(docker, `/containers/${id}/logs?stdout=1&stderr=1&tail=8`)
    .then(({ body }) => readText(body))
    .catch(() => '')
  return `The simulated host ended (${how}). The last lines of its agent:\n${lines.trim()}`
}
