import { startEngine } from '@gpulab/simulated-host'
import { mkdir } from 'node:fs/promises'
import { untilAborted } from '../interruptible.ts'
import type { Part } from '../part.ts'
import { waitUntil } from '../processes.ts'
import type { StateLayout } from '../state-layout.ts'
import { cleanUpAfterAgent, startAgent } from './agent.ts'
import type { ApiClient } from './api-client.ts'
import { prepareImages } from './images.ts'
import { ensureJoinToken } from './join-token.ts'
import type { CellSettings } from './moosefs.ts'

const readyMs = 60_000

interface SecondHostOptions {
  readonly api: ApiClient
  readonly apiUrl: string
  readonly settings: CellSettings
  readonly keepContainers: boolean
  readonly note: (text: string) => void
  readonly signal: AbortSignal
  /** Starts it again when it ends by itself. */
  readonly keep: (part: Part, start: () => Promise<Part>) => Part
}

/** A host without cards, with an engine and an agent of its own: so that volumes have somebody to be shared with. */
export async function startSecondHost(
  layout: StateLayout,
  { api, apiUrl, settings, keepContainers, note, signal, keep }: SecondHostOptions,
): Promise<AsyncDisposable & { readonly ended: Promise<string> }> {
  await using stack = new AsyncDisposableStack()
  const own = { ...layout, ...layout.second }
  await mkdir(own.agentDir, { recursive: true, mode: 0o700 })
  stack.defer(() => cleanUpAfterAgent(own))
  note('starting its engine')
  const engine = await startEngine({ stateDir: own.engineDir, name: 'up2', gpus: '', signal })
  stack.defer(() => engine.stop({ keepContainers }))
  await prepareImages(layout, engine.dockerHost, { note, signal })
  note('starting its agent')
  await untilAborted(ensureJoinToken(own, api, signal), signal)
  const { dockerHost, nvidiaSmi } = engine
  const start = (): Promise<Part> =>
    startAgent(own, { apiUrl, isSimulated: true, dockerHost, nvidiaSmi, settings })
  const agent = stack.use(keep(await start(), start))
  const isReady = async (): Promise<boolean> => {
    const { items } = await api.hosts.list({ query: { name: own.hostName } }, { signal })
    return items.some(({ state }) => state === 'active')
  }
  if (!(await waitUntil(isReady, { timeoutMs: readyMs, intervalMs: 200, signal })))
    throw new Error(`The host ${own.hostName} was not ready within ${readyMs / 1000} seconds; see its log.`)
  const started = stack.move()
  return { ended: agent.ended, [Symbol.asyncDispose]: () => started.disposeAsync() }
}
