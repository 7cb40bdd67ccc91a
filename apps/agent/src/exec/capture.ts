/** What was kept of one output stream. */
export interface Captured {
  readonly text: string
  readonly encoding: 'utf-8' | 'base64'
  readonly truncated: boolean
}

export interface Capture {
  /** Takes everything, so that the process is never held up, and keeps the beginning. */
  add(bytes: Buffer): void
  /** The kept bytes as they are. */
  bytes(): Buffer
  clear(): void
  result(): Captured
}

export function createCapture(maxBytes: number): Capture {
  const kept: Buffer[] = []
  let room = maxBytes
  let truncated = false
  const bytes = (): Buffer => Buffer.concat(kept)
  return {
    add: (chunk) => {
      if (chunk.length > room) truncated = true
      const part = chunk.subarray(0, room)
      if (part.length > 0) kept.push(part)
      room -= part.length
    },
    bytes,
    clear: () => void kept.splice(0),
    result: () => ({ ...toText(bytes(), truncated), truncated }),
  }
}

function toText(bytes: Buffer, truncated: boolean): Pick<Captured, 'text' | 'encoding'> {
  // A cut may have gone through a character: that does not make the rest binary.
  const whole = truncated ? bytes.subarray(0, bytes.length - incompleteTail(bytes)) : bytes
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(whole)
    return { text, encoding: 'utf-8' }
  } catch {
    return { text: bytes.toString('base64'), encoding: 'base64' }
  }
}

/** How many bytes at the end begin a UTF-8 character without completing it. */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return length > back ? back : 0
  }
  return 0
}
