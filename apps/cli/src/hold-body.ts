/** More than nearly every answer; what goes beyond it passes through as it comes. */
const heldMaxBytes = 4 << 20

interface HeldBody {
  /** All of the body, once. */
  readonly body: AsyncIterable<Uint8Array>
  /** What is held of it. */
  readonly start: string
}

/** Waits for the whole body, or for as much of it as may be held in memory. */
export async function holdBody(source: AsyncIterable<Uint8Array>): Promise<HeldBody> {
  const rest = source[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  for (let size = 0; size <= heldMaxBytes;) {
    const { done, value } = await rest.next()
    if (done) break
    chunks.push(value)
    size += value.length
  }
  const body = (async function* () {
    try {
      yield* chunks
      yield* { [Symbol.asyncIterator]: () => rest }
    } finally {
      await rest.return?.()
    }
  })()
  return {
    body,
    get start() {
      return Buffer.concat(chunks).toString()
    },
  }
}
