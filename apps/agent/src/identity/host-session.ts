import { type Client, type control, GpulabError, toProofText } from '@gpulab/contract'
import type { Credential } from '@gpulab/transport'
import type { FastifyBaseLogger } from 'fastify'
import type { Identity } from './identity-file.ts'

interface SessionDeps {
  readonly join: Client<typeof control.join>
  readonly identity: Pick<Identity, 'hostUuid' | 'keys'>
  readonly log: Pick<FastifyBaseLogger, 'error'>
  /** Milliseconds that never jump. */
  readonly now?: () => number
}

/** Proofs of who we are, for requests and for uplinks. */
export interface HostSession extends Credential {
  /** One that is proven only now. */
  prove(): Promise<string>
}

const answerMs = 15_000
/** Every loop of the agent asks for a session: a refusal answers all of them for a while. */
const refusalMs = 5_000
/** Renewed when this part of its time is over; the rest is for a control plane that is away. */
const usedPart = 2 / 3

/** Keeps a session: proves the key when there is none, and anew before it ends or when it is refused. */
export function createHostSession({
  join,
  identity,
  log,
  now = () => performance.now(),
}: SessionDeps): HostSession {
  let current: { token: string; renewAt: number; endsAt: number } | undefined
  let proving: Promise<string> | undefined
  let refusal: { error: GpulabError; until: number } | undefined

  const proveNow = async (): Promise<string> => {
    if (refusal && now() < refusal.until) throw refusal.error
    try {
      const { challenge } = await join.challenge({}, { timeoutMs: answerMs })
      const { hostUuid, keys } = identity
      const signature = keys.sign(toProofText('connect', challenge, hostUuid))
      const body = { host_uuid: hostUuid, challenge, signature }
      // Counted from here, it ends for us before it ends for the other side.
      const askedAt = now()
      const { session, expires_in: seconds } = await join.connect({ body }, { timeoutMs: answerMs })
      const ms = seconds * 1000
      current = { token: session, renewAt: askedAt + ms * usedPart, endsAt: askedAt + ms }
      return session
    } catch (error) {
      if (isRefusal(error)) {
        refusal = { error, until: now() + refusalMs }
        const { hint } = error
        log.error({ err: error, host: identity.hostUuid, hint }, 'the control plane does not take this host')
      }
      throw error
    }
  }
  const prove = (): Promise<string> =>
    (proving ??= proveNow().finally(() => {
      proving = undefined
    }))

  return {
    prove,
    token: async () => {
      if (current && now() < current.renewAt) return current.token
      try {
        return await prove()
      } catch (error) {
        if (current && now() < current.endsAt) return current.token
        throw error
      }
    },
    refuse: (token) => {
      if (current?.token === token) current = undefined
    },
  }
}

const isRefusal = (error: unknown): error is GpulabError =>
  error instanceof GpulabError && ['host_proof_invalid', 'rate_limited'].includes(error.code)
