import { type Client, type control, GpulabError, toProofText } from '@gpulab/contract'
import { beforeEach, describe, expect, it } from 'vitest'
import { createHostKeys } from './host-keys.ts'
import { createHostSession, type HostSession } from './host-session.ts'

const minuteMs = 60_000
const identity = { hostUuid: '2a4c8f6e-53a3-4d7b-9c11-0c7a3a1f2b3c', keys: createHostKeys() }

let nowMs: number
let count: number
let failure: Error | undefined
let seen: { challenge: string; signature: string; host_uuid: string }[]
let logged: number
let session: HostSession

beforeEach(() => {
  nowMs = 1000
  count = 0
  failure = undefined
  seen = []
  logged = 0
  const join: Pick<Client<typeof control.join>, 'challenge' | 'connect'> = {
    challenge: async () => ({ challenge: `challenge-${count}` }),
    connect: async ({ body }) => {
      seen.push(body)
      if (failure) throw failure
      return { session: `session-${++count}`, expires_at: '2000-01-01T00:00:00Z', expires_in: 900 }
    },
  }
  const log = { error: () => void logged++ }
  session = createHostSession({ join: join as Client<typeof control.join>, identity, log, now: () => nowMs })
})

describe('a session', () => {
  it('is proven once for all who ask, with the key of this host', async () => {
    expect(await Promise.all([session.token(), session.token(), session.token()])).toEqual(
      Array.from({ length: 3 }, () => 'session-1'),
    )
    const signature = identity.keys.sign(toProofText('connect', 'challenge-0', identity.hostUuid))
    expect(seen).toEqual([{ host_uuid: identity.hostUuid, challenge: 'challenge-0', signature }])
  })

  it('is renewed before it ends, whatever the clock of the control plane says', async () => {
    await session.token()
    nowMs += 10 * minuteMs - 1
    expect(await session.token()).toBe('session-1')
    nowMs += 1
    expect(await session.token()).toBe('session-2')
  })

  it('is used to its end while the control plane is away, and not a moment longer', async () => {
    await session.token()
    failure = new GpulabError('api_unreachable')
    nowMs += 15 * minuteMs - 1
    expect(await session.token()).toBe('session-1')
    nowMs += 1
    await expect(session.token()).rejects.toBe(failure)
    failure = undefined
    expect(await session.token()).toBe('session-2')
  })

  it('that was refused is given no more', async () => {
    const first = await session.token()
    session.refuse(first)
    expect(await session.token()).toBe('session-2')
    session.refuse(first)
    expect(await session.token()).toBe('session-2')
  })

  it('for an uplink is proven anew', async () => {
    await session.token()
    expect(await session.prove()).toBe('session-2')
    expect(await session.token()).toBe('session-2')
  })

  it('of a host that is none any more is asked for once in a while, and that is logged', async () => {
    failure = new GpulabError('host_proof_invalid')
    for (let n = 0; n < 5; n++) await expect(session.token()).rejects.toBe(failure)
    expect([seen.length, logged]).toEqual([1, 1])
    nowMs += 5_000
    await expect(session.prove()).rejects.toBe(failure)
    expect([seen.length, logged]).toEqual([2, 2])
    failure = undefined
    nowMs += 5_000
    expect(await session.token()).toBe('session-1')
  })
})
