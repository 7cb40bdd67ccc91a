import type { SessionSignal } from '@gpulab/contract'
import type { OffsetOutput } from '@gpulab/guest'
import type { OutputLog } from './output-log.ts'

/** How a session has ended. */
export interface SessionEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly reason: 'exited' | 'killed' | 'timed_out' | 'container_ended' | 'guest_killed' | 'expired' | 'lost'
  readonly message: string | null
}

export const toLostEnd = (reason: SessionEnd['reason'], message: string | null = null): SessionEnd => ({
  exitCode: null,
  signal: null,
  reason,
  message,
})

/** Someone who reads a program's output and writes its input; there is one at a time. */
export interface Attachment {
  /** Of the first output that it gives. */
  readonly offset: number
  /** Bytes of input that the program has been given before. */
  readonly inputOffset: number
  /** To be read once. Ends after all output; throws when someone else attaches or the program is lost. */
  output(): AsyncIterable<OffsetOutput>
  /** So many more bytes need not be kept for a later attachment. */
  take(bytes: number): void
  /**
   * Resolves when there is room for more, or the program takes no more; rejects when this attachment is over, so that the
   * bytes may not have come through.
   */
  write(bytes: Uint8Array): Promise<void>
  endInput(): Promise<void>
  /** The program goes on, whoever reads its output. */
  leave(): Promise<void>
}

export interface AttachPlace {
  readonly offset: number
  /** A slow reader holds the program back, instead of having its oldest output dropped. */
  readonly lossless: boolean
  /** So much output is given although none of it is taken; what is kept outside the container always is. */
  readonly windowBytes?: number | undefined
}

export interface Bounds {
  readonly first: number
  readonly end: number
}

/** What a session runs, wherever it is kept. */
export interface Program {
  readonly transport: 'guest' | 'engine'
  /** Where its output is kept outside the container, and can be read by anybody. */
  readonly log: OutputLog | undefined
  attach(place: AttachPlace): Promise<Attachment>
  signal(signal: SessionSignal): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  /** Resolves when nothing of it is left. */
  kill(): Promise<void>
  /** Which output is kept now. */
  bounds(): Promise<Bounds>
  /** Never rejects. */
  waitForEnd(): Promise<SessionEnd>
  /** Its output is not needed any more. Only after its end. */
  forget(): Promise<void>
}

/** What a program is started with, the same for every transport. */
export interface ProgramRequest {
  readonly id: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string | undefined
  readonly user: string | undefined
  readonly terminal: { readonly columns: number; readonly rows: number } | null
  readonly input: boolean
  readonly lossless: boolean
  readonly timeoutMs: number | null
  readonly bufferBytes: number
}
