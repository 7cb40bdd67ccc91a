import { untilAborted } from './interruptible.ts'
import { ensureKeyFiles } from './keys.ts'
import type { Progress } from './progress.ts'
import type { StateLayout } from './state-layout.ts'
import { keepRunning } from './keep-running.ts'
import type { Part } from './part.ts'
import { cleanUpAfterAgent, startAgent } from './steps/agent.ts'
import { accountEmail, choosePort, ensureAccount, startApi } from './steps/api.ts'
import { type ApiClient, connectApi } from './steps/api-client.ts'
import { buildCli } from './steps/cli.ts'
import { type EngineKind, openEngine } from './steps/engine.ts'
import { startGateway, toProxyUrl } from './steps/gateway.ts'
import { runGpulab } from './steps/gpulab.ts'
import { buildGuest } from './steps/guest.ts'
import { waitForHost } from './steps/host-ready.ts'
import { prepareImages } from './steps/images.ts'
import { ensureJoinToken } from './steps/join-token.ts'
import { startCell } from './steps/moosefs.ts'
import { startSecondHost } from './steps/second-host.ts'
import type { SystemInfo } from './system-info.ts'

/** A running system. Its end stops everything that it started. */
export interface System extends AsyncDisposable {
  info: SystemInfo
  api: ApiClient
  /** Settles with the reason when a part ends by itself. */
  ended: Promise<string>
}

export interface SystemOptions {
  port: number
  gatewayPort: number
  gpus: string
  moosefs: boolean
  env: NodeJS.ProcessEnv
  keepContainers: boolean
  progress: Progress
  /** Told when a part has ended by itself and is started again. */
  onRestart: (text: string) => void
  signal: AbortSignal
}

const engineNames: Record<EngineKind, string> = {
  own: 'a Docker Engine of its own, simulated GPUs',
  machine: "this machine's Docker Engine and GPUs",
  'host-container': "a simulated GPU host in this machine's Docker Engine",
}

const mooseFsElsewhere =
  "--moosefs needs the agent on this machine itself; here it runs in a container of this machine's Docker Engine. Run this as root on a machine without one."

/** Starts the whole system in a state folder, up to a host that shows its GPUs and a CLI that is logged in. */
export async function startSystem(layout: StateLayout, options: SystemOptions): Promise<System> {
  const { env, gpus, keepContainers, signal } = options
  const { step } = options.progress
  // On failure what was started is stopped in reverse order, else it is handed over.
  await using parts = new AsyncDisposableStack()
  await ensureKeyFiles(layout)
  const port = await choosePort(options.port)
  const apiUrl = `http://127.0.0.1:${port}`
  const gatewayPort = await choosePort(options.gatewayPort, '--gateway-port')
  const proxyUrl = toProxyUrl(gatewayPort)

  const engine = await step(
    'engine',
    (note) => openEngine(layout, { gpus, env, keepContainers, note, signal }),
    ({ kind }) => engineNames[kind],
  )
  const { dockerHost, nvidiaSmi } = engine
  if (options.moosefs && nvidiaSmi === undefined) throw new Error(mooseFsElsewhere)
  const cell = options.moosefs
    ? parts.use(
        await step(
          'moosefs',
          (note) => untilAborted(startCell(layout, note), signal),
          () => 'a cell of its own, on this machine',
        ),
      )
    : undefined
  const target = {
    apiUrl,
    isSimulated: engine.kind !== 'machine',
    dockerHost,
    nvidiaSmi: nvidiaSmi ?? '',
    settings: cell?.first,
  }
  const keep = (part: Part, start: () => Promise<Part>): Part =>
    parts.use(keepRunning(part, start, { onEnd: (how) => options.onRestart(`${how}\nStarting it again …`) }))
  const emptied = engine.kind === 'machine' && !keepContainers ? dockerHost : undefined
  if (nvidiaSmi !== undefined) parts.defer(() => cleanUpAfterAgent(layout, emptied))
  parts.use(engine)
  const standIns = await step(
    'images',
    (note) => prepareImages(layout, dockerHost, { note, signal }),
    (images) =>
      Object.keys(images).length > 0 ? 'stand-ins, since no registry is reachable' : 'from the registry',
  )
  await step(
    'cli',
    () => untilAborted(buildCli(), signal),
    (built) => (built ? 'built' : 'up to date'),
  )
  await step(
    'guest',
    () => untilAborted(buildGuest(), signal),
    (trouble) => trouble ?? 'serves sessions in containers',
  )
  const apiKey = await step(
    'account',
    () => untilAborted(ensureAccount(layout), signal),
    () => accountEmail,
  )
  const apiPart = keep(
    await step(
      'api',
      () => startApi(layout, { port, proxyUrl }, signal),
      () => apiUrl,
    ),
    () => startApi(layout, { port, proxyUrl }, signal),
  )
  const api = connectApi(apiUrl, apiKey)
  await untilAborted(ensureJoinToken(layout, api, signal), signal)
  const openGateway = (): Promise<Part> => startGateway(layout, { apiUrl, port: gatewayPort }, signal)
  const gateway = keep(await step('gateway', openGateway, () => proxyUrl), openGateway)
  const ended = [engine.ended, apiPart.ended, gateway.ended]
  if (nvidiaSmi !== undefined) {
    const start = (): Promise<Part> => startAgent(layout, target)
    ended.push(keep(await start(), start).ended)
  }
  const types = await step(
    'host',
    () => waitForHost(api, { gpuCount: engine.gpuCount, ended: Promise.race(ended), signal }),
    (found) => `${layout.hostName}, ${found.map(({ name, total }) => `${total}x ${name}`).join(', ')}`,
  )
  if (cell) {
    const { second: settings } = cell
    const host = await step(
      'second host',
      (note) => startSecondHost(layout, { api, apiUrl, settings, keepContainers, note, signal, keep }),
      () => `${layout.second.hostName}, without GPUs`,
    )
    ended.push(parts.use(host).ended)
  }
  await step(
    'login',
    () => untilAborted(logIn(layout, apiUrl, apiKey), signal),
    () => layout.cliConfig,
  )

  const owned = parts.move()
  return {
    api,
    info: {
      stateDir: layout.stateDir,
      apiUrl,
      proxyUrl,
      dockerHost,
      engine: engine.kind,
      host: layout.hostName,
      ...(cell && { secondHost: layout.second.hostName }),
      gpus: types.map(({ name, total, simulated }) => ({ name, count: total, simulated })),
      standIns,
      email: accountEmail,
      cliConfig: layout.cliConfig,
    },
    ended: Promise.race(ended),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Through the environment: arguments can be read by every user of the machine. */
async function logIn(layout: StateLayout, apiUrl: string, apiKey: string): Promise<void> {
  await runGpulab(layout, ['auth', 'login'], { GPULAB_API_URL: apiUrl, GPULAB_API_KEY: apiKey })
}
