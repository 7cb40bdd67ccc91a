import { GpulabError } from '@gpulab/contract'
import { follow, type OutputLog } from './output-log.ts'
import type { Attachment, AttachPlace } from './program.ts'

export interface LogInput {
  /** Bytes that were taken before. What is being written counts: it comes before all that is written later. */
  readonly inputOffset: number
  write(bytes: Uint8Array): Promise<void>
  endInput(): Promise<void>
}

/** Gives attachments to output that is kept in a log; each ends the one before it. */
export class LogAttachments {
  readonly #log: OutputLog
  readonly #onTake: (offset: number) => void
  readonly #onLeave: () => void
  #leaving = new AbortController()
  /** Whoever may give input, also after having left: the newest. */
  #writer: { hasWritten: boolean } | undefined

  constructor(
    log: OutputLog,
    {
      onTake = () => {},
      onLeave = () => {},
    }: { onTake?: (offset: number) => void; onLeave?: () => void } = {},
  ) {
    this.#log = log
    this.#onTake = onTake
    this.#onLeave = onLeave
  }

  /** Ends the present attachment if it has given input, which may not have come through: only a new one can tell. */
  interruptInput(): void {
    if (!this.#writer?.hasWritten) return
    this.#writer = undefined
    this.#leaving.abort(new GpulabError('session_interrupted'))
  }

  attach({ offset }: Pick<AttachPlace, 'offset'>, input: LogInput): Attachment {
    if (offset > this.#log.end)
      throw new GpulabError('invalid_request', { message: "The offset is beyond the session's output." })
    this.#leaving.abort(new GpulabError('session_taken_over'))
    const leaving = new AbortController()
    this.#leaving = leaving
    const writer = { hasWritten: false }
    this.#writer = writer
    let taken = offset
    // What an earlier client has still on its way is given again by the later one.
    const ifNewest = async (give: () => Promise<void>): Promise<void> => {
      if (this.#writer !== writer) throw new GpulabError('session_taken_over')
      writer.hasWritten = true
      await give()
    }
    return {
      offset,
      inputOffset: input.inputOffset,
      output: () => follow(this.#log, offset, leaving.signal),
      take: (bytes) => {
        taken += bytes
        if (!leaving.signal.aborted) this.#onTake(taken)
      },
      write: (bytes) => ifNewest(() => input.write(bytes)),
      endInput: () => ifNewest(() => input.endInput()),
      leave: () => {
        if (!leaving.signal.aborted) this.#onLeave()
        leaving.abort(new GpulabError('session_taken_over'))
        return Promise.resolve()
      },
    }
  }
}
