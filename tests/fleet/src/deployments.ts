import { GpulabError } from '@gpulab/contract'
import { add } from './driver/tally.ts'
import { type Quantiles, quantilesOf } from './quantile.ts'
import type { ApiClient } from './system.ts'
import type { Deployment } from './workload.ts'

/** One deploy, in milliseconds since the client asked. */
interface Times {
  readonly askedAt: number
  readonly answerMs: number
  runningMs?: number
  readonly running: PromiseWithResolvers<void>
}

export interface Deployed {
  readonly uuid: string
  /** Resolves with the event that tells so. */
  readonly running: Promise<void>
}

/** Deploys containers and learns from the team's events when each one runs. */
export interface Deployments extends AsyncDisposable {
  /** Resolves at the answer; undefined where the API refused. */
  deploy(deployment: Deployment): Promise<Deployed | undefined>
  /** Times since the last call, and how many of these containers have not been seen running yet. */
  take(): { answers: Quantiles; deploys: Quantiles; waiting: number; refusals: Record<string, number> }
  waiting(): number
}

export function followDeployments(client: ApiClient): Deployments {
  const stop = new AbortController()
  const byUuid = new Map<string, Times>()
  const early = new Map<string, number>()
  let refusals: Record<string, number> = {}
  const setRunning = (times: Times, at: number): void => {
    times.runningMs ??= at - times.askedAt
    times.running.resolve()
  }
  const following = follow(client, stop.signal, (uuid, at) => {
    const times = byUuid.get(uuid)
    // The event may be here before the answer that tells the uuid.
    if (times) setRunning(times, at)
    else early.set(uuid, at)
  })
  const waiting = (): number =>
    byUuid.values().reduce((sum, { runningMs }) => sum + (runningMs === undefined ? 1 : 0), 0)
  return {
    waiting,
    deploy: async (body) => {
      const askedAt = performance.now()
      try {
        const { uuid } = await client.containers.create({ body })
        const times = {
          askedAt,
          answerMs: performance.now() - askedAt,
          running: Promise.withResolvers<void>(),
        }
        byUuid.set(uuid, times)
        const ranAt = early.get(uuid)
        if (ranAt !== undefined) setRunning(times, ranAt)
        early.delete(uuid)
        return { uuid, running: times.running.promise }
      } catch (error) {
        add(refusals, error instanceof GpulabError ? error.code : String(error))
        return undefined
      }
    },
    take: () => {
      const all = [...byUuid.values()]
      const taken = {
        answers: quantilesOf(all.map(({ answerMs }) => answerMs)),
        deploys: quantilesOf(all.flatMap(({ runningMs }) => runningMs ?? [])),
        waiting: waiting(),
        refusals,
      }
      byUuid.clear()
      refusals = {}
      return taken
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await following
    },
  }
}

/** Goes on after a cut where it was, as the CLI does. */
async function follow(
  client: ApiClient,
  signal: AbortSignal,
  onRunning: (uuid: string, at: number) => void,
): Promise<void> {
  let cursor = 'now'
  while (!signal.aborted) {
    try {
      const query = { follow: 'true', type: 'status', cursor } as const
      for await (const event of await client.events.ofTeam({ query }, { signal })) {
        cursor = event.cursor
        if (event.status === 'running') onRunning(event.container_uuid, performance.now())
      }
    } catch {
      await new Promise((done) => setTimeout(done, 100))
    }
  }
}
