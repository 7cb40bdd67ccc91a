import { type Client, type gateway, GpulabError, type Route } from '@gpulab/contract'

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

export interface RouteCache {
  /** Where a container is; throws `container_not_found`. */
  find(uuid: string): Promise<Route>
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
    find: async (uuid) => {
      let entry = entries.get(uuid) ?? unknown.get(uuid)
      const ageMs = entry ? now() - entry.askedMs : Infinity
      if (!entry || ageMs > usableMs) entry = await askOnce(uuid)
      else if (ageMs > freshMs) askOnce(uuid).catch(() => {})
      if (entry.answer instanceof GpulabError) throw entry.answer
      return entry.answer
    },
  }
}
