import { type Client, type gateway, GpulabError, type Route } from '@gpulab/contract'
import { free, type Toll } from '../requests/strangers.ts'

/** How long what the API said is taken for true: so long a change of modes or a removal may take to be seen. */
const freshMs = 2000
/** For so long it is still used while a newer answer is asked for. */
const usableMs = 5000
/** For so long it is used while the API is away. */
const keptMs = 10 * 60_000
const answerMs = 10_000
const routesMax = 20_000
/** Of containers that are not there, apart from the others: anybody can ask for any number of them. */
const unknownMax = 5000

interface Entry {
  readonly answer: Route | GpulabError
  readonly askedMs: number
}

function answerOf({ answer }: Entry): Route {
  if (answer instanceof GpulabError) throw answer
  return answer
}

export interface RouteCache {
  /** Where a container is; throws `container_not_found`. What is not known to be there costs the toll. */
  find(uuid: string, toll?: Toll): Promise<Route>
  /** As above, but only what was true a moment ago: for who has time. */
  findNew(uuid: string): Promise<Route>
}

type Ask = Pick<Client<typeof gateway>, 'route'>

/** What the API says about containers, asked once for all requests that wait for it. */
export function createRouteCache(control: Ask, now: () => number = () => performance.now()): RouteCache {
  const entries = new Map<string, Entry>()
  const unknown = new Map<string, Entry>()
  const asking = new Map<string, Promise<Entry>>()

  const keep = (uuid: string, entry: Entry): Entry => {
    const isUnknown = entry.answer instanceof GpulabError
    const [kept, max] = isUnknown ? [unknown, unknownMax] : [entries, routesMax]
    entries.delete(uuid)
    unknown.delete(uuid)
    kept.set(uuid, entry)
    const [oldest] = kept.keys()
    if (kept.size > max && oldest !== undefined) kept.delete(oldest)
    return entry
  }
  const ask = async (uuid: string): Promise<Entry> => {
    const askedMs = now()
    try {
      return keep(uuid, {
        answer: await control.route({ params: { uuid } }, { timeoutMs: answerMs }),
        askedMs,
      })
    } catch (error) {
      if (!(error instanceof GpulabError)) throw error
      if (error.code === 'container_not_found') return keep(uuid, { answer: error, askedMs })
      const known = entries.get(uuid)
      if (known && now() - known.askedMs < keptMs) return known
      throw error
    }
  }
  const askOnce = (uuid: string): Promise<Entry> => {
    const asked = asking.get(uuid) ?? ask(uuid).finally(() => asking.delete(uuid))
    asking.set(uuid, asked)
    return asked
  }
  return {
    find: async (uuid, toll = free) => {
      const known = entries.get(uuid)
      const entry = known ?? unknown.get(uuid)
      const ageMs = entry ? now() - entry.askedMs : Infinity
      const pay = known ? free : toll
      if (!entry || ageMs > usableMs) return pay(async () => answerOf(await askOnce(uuid)))
      if (known && ageMs > freshMs) askOnce(uuid).catch(() => {})
      return answerOf(entry)
    },
    findNew: async (uuid) => {
      const known = entries.get(uuid)
      return answerOf(known && now() - known.askedMs <= freshMs ? known : await askOnce(uuid))
    },
  }
}
