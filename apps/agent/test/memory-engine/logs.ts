import type { MemoryContainer } from './world.ts'

const stderr = 2

/** What it wrote, in the engine's frames: stream, three zeros, length in 4 bytes, text. */
export async function* toLogBody({ log }: MemoryContainer): AsyncGenerator<Uint8Array> {
  for (const line of log) {
    const text = Buffer.from(line)
    const head = Buffer.alloc(8)
    head.writeUInt8(stderr, 0)
    head.writeUInt32BE(text.length, 4)
    yield Buffer.concat([head, text])
  }
}
