const headerBytes = 8

export interface EngineFrame {
  readonly stream: 'stdout' | 'stderr'
  readonly payload: Buffer
}

/**
 * Splits what the engine sends for a container without TTY: 1 byte stream, 3 zero, 4 bytes length (big endian),
 * payload. A stream that breaks off within a frame loses that frame.
 */
export async function* demux(source: AsyncIterable<Uint8Array>): AsyncGenerator<EngineFrame> {
  let rest: Buffer = Buffer.alloc(0)
  const parts: Buffer[] = []
  let missing = headerBytes
  for await (const chunk of source) {
    parts.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    missing -= chunk.length
    // Frames are joined once they are complete: joining at each chunk is quadratic for large ones.
    if (missing > 0) continue
    rest = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    parts.length = 0
    let length = lengthOf(rest)
    while (rest.length >= length) {
      yield { stream: rest[0] === 2 ? 'stderr' : 'stdout', payload: rest.subarray(headerBytes, length) }
      rest = rest.subarray(length)
      length = lengthOf(rest)
    }
    if (rest.length > 0) parts.push(rest)
    missing = length - rest.length
  }
}

const lengthOf = (buffer: Buffer): number =>
  buffer.length < headerBytes ? headerBytes : headerBytes + buffer.readUInt32BE(4)
