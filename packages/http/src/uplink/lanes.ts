import { GpulabError, laneHeader, lanePath, laneProtocol } from '@gpulab/contract'
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type ClientHttp2Session, constants } from 'node:http2'
import type { Duplex } from 'node:stream'
import { switchProtocol } from './connection.ts'
import { endTogether } from './uplink-server.ts'

/** Kept ready while lanes are used. */
const readyMax = 4
/** While so many are left, whoever has taken one is let begin first: dialling takes both ends a millisecond. */
const enough = readyMax / 2
const fillLaterMs = 100
/** A host ends one on which nothing was asked for a minute. */
const idleMs = 30_000
const dialMs = 10_000
/** Of one uplink; more streams share its windows, so that the bytes that are on their way stay bounded. */
const lanesMax = 256
/** A host that could not make one, as behind a balancer that leads elsewhere, is not asked again for a while. */
const pauseMs = 30_000

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS, NGHTTP2_CANCEL } = constants

type Take = (lane: Duplex | undefined) => void

/** Lanes that were asked for, by their tokens. */
export class LaneTokens {
  readonly #asked = new Map<string, (lane: Duplex) => void>()

  ask(onLane: (lane: Duplex) => void): { readonly token: string; readonly forget: () => void } {
    const token = randomBytes(24).toString('base64url')
    this.#asked.set(token, onLane)
    return { token, forget: () => void this.#asked.delete(token) }
  }

  /** Throws `host_session_invalid` for a token that nobody waits for; each counts once. */
  redeem(token: unknown): (lane: Duplex) => void {
    const onLane = typeof token === 'string' ? this.#asked.get(token) : undefined
    if (!onLane) throw new GpulabError('host_session_invalid')
    this.#asked.delete(token as string)
    return onLane
  }
}

/** Answers the upgrade request for a lane; throws `host_session_invalid` when nobody has asked for it. */
export async function acceptLane(
  tokens: LaneTokens,
  headers: IncomingHttpHeaders,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const onLane = tokens.redeem(headers[laneHeader])
  await switchProtocol(socket, head, laneProtocol)
  onLane(socket)
}

/** The lanes of one uplink, from the end that calls. Some are kept ready for a while after one was taken. */
export class Lanes {
  readonly #session: ClientHttp2Session
  readonly #tokens: LaneTokens
  readonly #waitMs: number
  readonly #ready = new Map<Duplex, () => void>()
  readonly #waiting = new Set<Take>()
  #dialling = 0
  #open = 0
  #pausedUntil = 0
  #filling: NodeJS.Timeout | undefined

  /** Waits so long for one before a stream goes over the uplink itself. */
  constructor(session: ClientHttp2Session, tokens: LaneTokens, waitMs = 1000) {
    this.#session = session
    this.#tokens = tokens
    this.#waitMs = waitMs
    session.once('close', () => {
      clearTimeout(this.#filling)
      this.#giveUp()
    })
  }

  /** Whether the host has not just failed to make one. */
  get areReachable(): boolean {
    return performance.now() >= this.#pausedUntil
  }

  /** A connection on which the host serves HTTP/1.1, for one request; undefined where it cannot make one now. */
  take(): Promise<Duplex | undefined> {
    const ready = [...this.#ready].at(-1)
    if (ready) {
      const [lane, unpark] = ready
      unpark()
      if (this.#ready.size >= enough) this.#fillLater()
      else this.#fill()
      return Promise.resolve(lane)
    }
    const isFull = this.#open + this.#dialling >= lanesMax
    if (isFull || this.#session.destroyed || !this.areReachable) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const take: Take = (lane) => {
        clearTimeout(timer)
        this.#waiting.delete(take)
        resolve(lane)
      }
      const timer = setTimeout(take, this.#waitMs, undefined)
      this.#waiting.add(take)
      this.#fill()
    })
  }

  #fill(): void {
    if (!this.areReachable) return
    while (this.#ready.size + this.#dialling < this.#waiting.size + readyMax) this.#dial()
  }

  #fillLater(): void {
    if (this.#filling || this.#session.destroyed) return
    this.#filling = setTimeout(() => {
      this.#filling = undefined
      this.#fill()
    }, fillLaterMs)
    this.#filling.unref()
  }

  #dial(): void {
    const { token, forget } = this.#tokens.ask((lane) => {
      settle()
      endTogether(this.#session, lane)
      this.#open++
      lane.once('close', () => this.#open--)
      this.#give(lane)
    })
    this.#dialling++
    const settle = (): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      forget()
      this.#dialling--
    }
    let settled = false
    const fail = (): void => {
      if (settled) return
      settle()
      this.#giveUp()
    }
    const request = this.#session.request({
      [HTTP2_HEADER_METHOD]: 'POST',
      [HTTP2_HEADER_PATH]: lanePath,
      [laneHeader]: token,
    })
    const timer = setTimeout(() => {
      request.close(NGHTTP2_CANCEL)
      fail()
    }, dialMs)
    request.once('response', ({ [HTTP2_HEADER_STATUS]: status }) => {
      if (Number(status) !== 204) fail()
    })
    request.once('error', fail).once('close', () => {
      if (request.rstCode !== 0) fail()
    })
    request.resume().end()
  }

  /** To who waits; else it is kept until it is wanted, too old, or ended by the host. */
  #give(lane: Duplex): void {
    lane.allowHalfOpen = true
    const [take] = this.#waiting
    if (take) {
      take(lane)
      return
    }
    const drop = (): void => void lane.destroy()
    const timer = setTimeout(drop, idleMs)
    const unpark = (): void => {
      clearTimeout(timer)
      this.#ready.delete(lane)
      // It goes on flowing: a request waits for bytes of a connection that flows.
      lane.off('data', drop).off('end', drop).off('close', unpark)
    }
    this.#ready.set(lane, unpark)
    // Nothing is to come of itself: read, to hear of its end.
    lane.on('data', drop).once('end', drop).once('close', unpark).resume()
  }

  #giveUp(): void {
    this.#pausedUntil = performance.now() + pauseMs
    for (const take of this.#waiting) take(undefined)
  }
}
