/** A record: kind (1 byte), length (4 bytes, big endian), bytes of output; of a gap how many bytes are missing. */
export const recordHeaderBytes = 5
const gapBytes = 8
const kinds = ['stdout', 'stderr', 'gap'] as const

export function encodeRun(kind: 'stdout' | 'stderr', bytes: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(recordHeaderBytes + bytes.length)
  record.writeUInt8(kinds.indexOf(kind), 0)
  record.writeUInt32BE(bytes.length, 1)
  record.set(bytes, recordHeaderBytes)
  return record
}

export function encodeGap(lostBytes: number): Buffer {
  const record = Buffer.allocUnsafe(recordHeaderBytes + gapBytes)
  record.writeUInt8(2, 0)
  record.writeUInt32BE(gapBytes, 1)
  record.writeBigUInt64BE(BigInt(lostBytes), recordHeaderBytes)
  return record
}

interface ScannedRecord {
  readonly kind: (typeof kinds)[number]
  /** Of output, or missing. */
  readonly bytes: number
  /** Within the content. */
  readonly start: number
  readonly end: number
}

/** The records that are whole. */
export function* scanRecords(content: Buffer): Generator<ScannedRecord> {
  let start = 0
  while (start + recordHeaderBytes <= content.length) {
    const kind = kinds[content.readUInt8(start)]
    const length = content.readUInt32BE(start + 1)
    const end = start + recordHeaderBytes + length
    if (kind === undefined || end > content.length) return
    const bytes = kind === 'gap' ? Number(content.readBigUInt64BE(start + recordHeaderBytes)) : length
    yield { kind, bytes, start, end }
    start = end
  }
}
