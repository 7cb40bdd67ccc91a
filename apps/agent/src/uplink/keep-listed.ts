import type { Client, control } from '@gpulab/contract'
import { createBackoff } from '../backoff.ts'
import { keepUplink, type UplinkOptions } from './keep-uplink.ts'

interface ListedOptions extends Omit<UplinkOptions, 'url' | 'proof'> {
  readonly control: Pick<Client<typeof control>, 'gateways'>
  /** Of the control plane: it has an uplink already. */
  readonly apiUrl: string
  /** A host session that is proven only now. */
  readonly prove: () => Promise<string>
}

const listMs = 15_000
const answerMs = 15_000
/** A replica that is down is tried for as long as it is listed; not each attempt needs a session of its own. */
const provenMs = 60_000

/** Keeps an uplink to every gateway and every replica of the API that the control plane tells of. */
export async function keepListed(options: ListedOptions, signal: AbortSignal): Promise<void> {
  const { control, clock, log } = options
  const kept = new Map<string, AbortController>()
  const backoff = createBackoff(options)
  const list = () => control.gateways.list({}, { signal, timeoutMs: answerMs })
  // A ticket is good for two minutes, and a gateway that is down may be tried for longer.
  const ticket = async (): Promise<string> => (await list()).ticket
  const session = keepFor(provenMs, options.prove, clock)
  const dial = async (url: string, proof: () => Promise<string>, ended: AbortController): Promise<void> => {
    await keepUplink({ ...options, url, proof }, AbortSignal.any([signal, ended.signal])).catch(
      (err: unknown) => {
        if (!signal.aborted && !ended.signal.aborted) log.error({ err, url }, 'an uplink is given up')
      },
    )
    if (kept.get(url) === ended) kept.delete(url)
  }
  const isOwn = (url: string): boolean => toComparable(url) === toComparable(options.apiUrl)
  for (;;) {
    try {
      const { gateways, replicas = [] } = await list()
      const proofs = new Map([
        ...gateways.map(({ uplink_url: url }) => [url, ticket] as const),
        ...replicas.flatMap(({ uplink_url: url }) => (isOwn(url) ? [] : [[url, session] as const])),
      ])
      for (const [url, ended] of kept) if (!proofs.has(url)) drop(kept, url, ended)
      for (const [url, proof] of proofs) {
        if (kept.has(url)) continue
        const ended = new AbortController()
        kept.set(url, ended)
        void dial(url, proof, ended)
      }
      backoff.reset()
      await clock.wait(listMs, signal)
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: error }, 'gateways and replicas could not be listed')
      await backoff.wait(signal)
    }
  }
}

/** It is not dialled again; the connection that it may have ends with the other side. */
function drop(kept: Map<string, AbortController>, url: string, ended: AbortController): void {
  kept.delete(url)
  ended.abort()
}

/** Gives the same one for so long, unless it was not to be had. */
function keepFor(
  ms: number,
  get: () => Promise<string>,
  { monotonic }: UplinkOptions['clock'],
): () => Promise<string> {
  let last: { readonly value: Promise<string>; readonly at: number } | undefined
  return () => {
    if (last && monotonic() - last.at < ms) return last.value
    const fresh = { value: get(), at: monotonic() }
    last = fresh
    fresh.value.catch(() => {
      if (last === fresh) last = undefined
    })
    return fresh.value
  }
}

const toComparable = (url: string): string => (URL.parse(url)?.href ?? url).replace(/\/$/, '')
