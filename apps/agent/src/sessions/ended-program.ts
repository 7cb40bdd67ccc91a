import { GpulabError } from '@gpulab/contract'
import { LogAttachments } from './log-attachment.ts'
import { MemoryLog } from './memory-log.ts'
import type { OutputLog } from './output-log.ts'
import {
  type Attachment,
  type AttachPlace,
  type Bounds,
  type Program,
  type SessionEnd,
  toLostEnd,
} from './program.ts'
import type { Spool } from './spool.ts'

/** What is left of a program after the agent that ran it, or knew its end, is gone. */
export class EndedProgram implements Program {
  readonly transport: Program['transport']
  readonly log: OutputLog
  readonly #spool: Spool | undefined

  constructor(transport: Program['transport'], spool: Spool | undefined) {
    this.transport = transport
    this.#spool = spool
    const empty = new MemoryLog(0, false)
    empty.finish()
    this.log = spool ?? empty
  }

  attach(place: AttachPlace): Promise<Attachment> {
    const drop = (): Promise<void> => Promise.resolve()
    return Promise.try(() =>
      new LogAttachments(this.log).attach(this.#spool ? place : { offset: 0 }, {
        inputOffset: 0,
        write: drop,
        endInput: drop,
      }),
    )
  }

  signal(): Promise<void> {
    return Promise.reject(new GpulabError('session_ended'))
  }

  resize(): Promise<void> {
    return Promise.reject(new GpulabError('session_ended'))
  }

  kill(): Promise<void> {
    return Promise.resolve()
  }

  bounds(): Promise<Bounds> {
    return Promise.resolve({ first: this.log.first, end: this.log.end })
  }

  waitForEnd(): Promise<SessionEnd> {
    return Promise.resolve(toLostEnd('lost', 'the agent was restarted'))
  }

  async forget(): Promise<void> {
    await this.#spool?.remove()
  }
}
