/** What was kept of one output stream. */
export interface Captured {
  readonly text: string
  readonly encoding: 'utf-8' | 'base64'
  readonly truncated: boolean
}

export interface Capture {
  /** Takes everything, so that the process is never held up, and keeps the beginning. */
  add(bytes: Uint8Array): void
  /** The kept bytes as they are. */
  bytes(): Buffer
  /** Lets go of them, gives the budget back and keeps nothing more. */
  clear(): void
  result(): Captured
}

/** Bytes that many captures share. */
export interface ByteBudget {
  /** As many of the bytes as are left; gives how many. */
  take(bytes: number): number
  give(bytes: number): void
}

export function createByteBudget(maxBytes: number): ByteBudget {
  let left = maxBytes
  return {
    take: (bytes) => {
      const granted = Math.min(bytes, left)
      left -= granted
      return granted
    },
    give: (bytes) => {
      left += bytes
    },
  }
}

const firstBytes = 4096

export function createCapture(maxBytes: number, budget: ByteBudget = createByteBudget(maxBytes)): Capture {
  // One buffer that grows: a list of chunks would cost a hundred times its bytes when each chunk is one.
  let kept = Buffer.alloc(0)
  let length = 0
  let truncated = false
  let closed = false
  const reserve = (bytes: number): void => {
    if (bytes <= kept.length) return
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(bytes, 2 * kept.length, firstBytes), maxBytes))
    kept.copy(larger, 0, 0, length)
    kept = larger
  }
  return {
    add: (chunk) => {
      if (closed) return
      // What was cut once stays cut: a later piece would not be the next one.
      const room = truncated ? 0 : budget.take(Math.min(chunk.length, maxBytes - length))
      if (room < chunk.length) truncated = true
      const part = chunk.subarray(0, room)
      reserve(length + part.length)
      kept.set(part, length)
      length += part.length
    },
    bytes: () => kept.subarray(0, length),
    clear: () => {
      closed = true
      budget.give(length)
      kept = Buffer.alloc(0)
      length = 0
    },
    result: () => ({ ...toText(kept.subarray(0, length), truncated), truncated }),
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
