import {
  type Control,
  decodeMessage,
  type Frame,
  frameType,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'
import { encodeMessage } from '@gpulab/transport'

/** How a client of a terminal speaks. */
export interface Dialect {
  /** Whether the client says what it has got, so that it can come back without a loss. */
  readonly acks: boolean
  /** What is said first. */
  readonly greeting: readonly Uint8Array[]
  /** What the session is told; `pause` and `resume` are for whoever passes output on. Throws for what is no message. */
  read(message: Buffer): Frame | 'pause' | 'resume' | undefined
  /** What the client is told, if anything. */
  write(frame: Frame): Uint8Array | undefined
}

/** Frames as they are: docs/sessions.md. */
export const ours: Dialect = {
  acks: true,
  greeting: [],
  read: (message) => {
    const frame = decodeMessage(message)
    if (frame.type === frameType.control) parseControl(frame)
    return frame
  },
  write: encodeMessage,
}

const letter = (text: string): number => text.charCodeAt(0)
const withLetter = (type: string, payload: Uint8Array): Uint8Array => {
  const message = new Uint8Array(1 + payload.length)
  message[0] = letter(type)
  message.set(payload, 1)
  return message
}

/** ttyd 1.7: the first byte is a letter (tsl0922/ttyd, src/server.h). */
export const ttyd = (title: string): Dialect => ({
  acks: false,
  greeting: [withLetter('1', Buffer.from(title)), withLetter('2', Buffer.from('{}'))],
  read: (message) => {
    switch (message[0]) {
      case letter('0'):
        return { type: frameType.stdin, payload: message.subarray(1) }
      case letter('1'):
        return toControlFrame(toResize(JSON.parse(message.toString('utf8', 1))))
      case letter('2'):
        return 'pause'
      case letter('3'):
        return 'resume'
      case undefined:
      default:
        return undefined
    }
  },
  write: ({ type, payload }) =>
    type === frameType.stdout || type === frameType.stderr ? withLetter('0', payload) : undefined,
})

const sizeMax = 65_535

const toResize = (value: unknown): Control => ({ type: 'resize', ...toSize(value) })

/** 80 by 24 where nothing sensible is said. */
export function toSize(value: unknown): { columns: number; rows: number } {
  const { columns, rows } = (value ?? {}) as { columns?: unknown; rows?: unknown }
  return { columns: toCount(columns, 80), rows: toCount(rows, 24) }
}

const toCount = (value: unknown, preset: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= sizeMax ? value : preset
