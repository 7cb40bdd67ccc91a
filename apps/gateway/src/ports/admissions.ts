import { type Client, type gateway, GpulabError } from '@gpulab/contract'
import { createHash } from 'node:crypto'
import { free, type Toll } from '../requests/strangers.ts'

/** So long it takes until a key that was taken back opens nothing any more. */
const freshMs = 15_000
const refusedMs = 1000
const answerMs = 10_000
const admissionsMax = 50_000

interface Question {
  readonly uuid: string
  readonly port: number
  readonly credential: string
}

export interface Admissions {
  /** Gives until when it opens, or null for good; throws `port_private`. What has never opened anything costs the toll. */
  ask(question: Question, toll?: Toll): Promise<Date | null>
}

interface Kept {
  readonly answer: Promise<Date | null>
  until: number
  hasOpened: boolean
}

type Ask = Pick<Client<typeof gateway>, 'admit'>

/** Whom the API lets in, asked once for all requests of a while. What is kept is no secret. */
export function createAdmissions(control: Ask, now: () => number = () => performance.now()): Admissions {
  const kept = new Map<string, Kept>()
  const ask = async (body: Question): Promise<Date | null> => {
    const { expires_at: end } = await control.admit({ body }, { timeoutMs: answerMs })
    return end === null ? null : new Date(end)
  }
  /** What is kept counts no longer than what it says, and a refusal for a moment only. */
  const limit = async (entry: Kept): Promise<void> => {
    try {
      const end = await entry.answer
      entry.hasOpened = true
      if (end) entry.until = Math.min(entry.until, now() + end.getTime() - Date.now())
    } catch (error) {
      entry.until = error instanceof GpulabError && error.code === 'port_private' ? now() + refusedMs : 0
    }
  }
  return {
    ask: (question, toll = free) => {
      const key = createHash('sha256').update(JSON.stringify(question)).digest('base64')
      const known = kept.get(key)
      if (known && known.until > now()) return known.answer
      const hasOpened = known?.hasOpened === true
      const answer = hasOpened ? ask(question) : toll(() => ask(question))
      const entry = { answer, until: now() + freshMs, hasOpened }
      void limit(entry)
      kept.delete(key)
      kept.set(key, entry)
      const [oldest] = kept.keys()
      if (kept.size > admissionsMax && oldest !== undefined) kept.delete(oldest)
      return entry.answer
    },
  }
}
