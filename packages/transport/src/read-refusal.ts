import type { IncomingMessage } from 'node:http'

const refusalMaxBytes = 1 << 20

/** The envelope of an error; undefined where it is none. */
export async function readRefusal(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length > refusalMaxBytes) return undefined
    parts.push(part)
  }
  return Promise.resolve(Buffer.concat(parts).toString())
    .then(JSON.parse)
    .catch(() => undefined)
}
