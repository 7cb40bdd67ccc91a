import { GpulabError } from '@gpulab/contract'
import { follow, type OutputLog } from './output-log.ts'
import type { Attachment, AttachPlace } from './program.ts'

export interface LogInput {
  readonly inputOffset: number
  write(bytes: Uint8Array): Promise<void>
  endInput(): Promise<void>
}

/** Gives attachments to output that is kept in a log; each ends the one before it. */
export class LogAttachments {
  readonly #log: OutputLog
  readonly #onTake: (offset: number) => void
  #leaving = new AbortController()

  constructor(log: OutputLog, onTake: (offset: number) => void = () => {}) {
    this.#log = log
    this.#onTake = onTake
  }

  attach({ offset }: Pick<AttachPlace, 'offset'>, input: LogInput): Attachment {
    if (offset > this.#log.end)
      throw new GpulabError('invalid_request', { message: "The offset is beyond the session's output." })
    this.#leaving.abort(new GpulabError('session_taken_over'))
    const leaving = new AbortController()
    this.#leaving = leaving
    let taken = offset
    return {
      offset,
      inputOffset: input.inputOffset,
      output: () => follow(this.#log, offset, leaving.signal),
      take: (bytes) => {
        taken += bytes
        if (!leaving.signal.aborted) this.#onTake(taken)
      },
      write: (bytes) => input.write(bytes),
      endInput: () => input.endInput(),
      leave: () => {
        leaving.abort(new GpulabError('session_taken_over'))
        return Promise.resolve()
      },
    }
  }
}
