import { GpulabError } from '@gpulab/contract'
import type { ControlPlane, Request, Shown } from '../control-plane.ts'
import type { Random } from '../random.ts'
import type { Timeline } from '../timeline.ts'
import type { Front } from './front.ts'
import { fair, type Link } from './link.ts'
import type { Record } from './record.ts'
import { short } from './short.ts'

/** Users and operators: whoever asks the control plane for something, and tries again if no answer comes. */
export interface Users {
  ask(request: Request, what: string, onAnswer?: (shown: Shown | null) => void): void
  cutOff(isCut: boolean): void
  makePeace(): void
}

interface UsersDeps {
  readonly timeline: Timeline
  readonly control: ControlPlane
  readonly front: Front
  readonly link: Link
  readonly random: Random
  readonly record: Pick<Record, 'asked' | 'done' | 'violations'>
  trace(line: string): void
}

const answerMs = 10_000
const weather = { lost: 0.03, doubled: 0.05, late: 0.03, lateMs: 10_000 }

export function createUsers({ timeline, control, front, link, random, record, trace }: UsersDeps): Users {
  let keys = 0
  const carriedOut = new Set<string>()
  link.weather = weather

  const send = (key: string, request: Request, what: string): Promise<Shown | null> =>
    link.exchange({
      name: request.do,
      isRepeatable: true,
      timeoutMs: answerMs,
      arrive: async () => {
        trace(`user asks ${what}`)
        const shown = await front.carryOut(() => control.request(key, request))
        const uuid = shown?.uuid ?? uuidOf(request)
        const status = shown?.status ?? null
        // What comes again is told as it was done the first time.
        if (uuid !== null && !carriedOut.has(key))
          record.done.push({ at: timeline.now(), what: request.do, uuid, status })
        carriedOut.add(key)
        return shown
      },
    })

  const attempt = async (key: string, request: Request, what: string, tries: number): Promise<Answer> => {
    try {
      return { outcome: 'ok', shown: await send(key, request, what) }
    } catch (error) {
      if (!(error instanceof GpulabError)) throw error
      if (error.code !== 'api_unreachable') return { outcome: error.code, shown: null }
      if (tries === 0) return { outcome: 'lost', shown: null }
      await timeline.wait(random.int(300, 5000))
      return attempt(key, request, what, tries - 1)
    }
  }

  const ask = async (key: string, request: Request, what: string): Promise<Shown | null> => {
    const { outcome, shown } = await attempt(key, request, what, random.pick([0, 3, 3, 3]))
    const told = shown ? `${shown.status} ${short(shown.uuid)} ${shown.reason ?? ''}` : outcome
    trace(`user told ${what}: ${told}`)
    const uuid = shown?.uuid ?? uuidOf(request)
    record.asked.push({ at: timeline.now(), key, what: request.do, uuid, outcome })
    return shown
  }
  const fail = (what: string, error: Error): void => {
    record.violations.push({ rule: 'error', at: timeline.now(), message: `${what}: ${error.stack}` })
  }

  return {
    ask: (request, what, onAnswer) =>
      void ask(`key-${++keys}`, request, what).then(onAnswer, (error: Error) => fail(what, error)),
    cutOff: (isCut) => {
      link.cut = isCut ? 'both' : 'none'
      trace(`users are ${isCut ? '' : 'no longer '}cut off`)
    },
    makePeace: () => {
      link.cut = 'none'
      link.weather = fair
    },
  }
}

interface Answer {
  /** `ok`, the error's code, or `lost`. */
  readonly outcome: string
  readonly shown: Shown | null
}

const uuidOf = (request: Request): string | null => (request.do === 'create' ? null : request.uuid)
