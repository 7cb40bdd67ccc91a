import { GpulabError } from '@gpulab/contract'
import { Readable } from 'node:stream'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'

/** A client that sends nothing for so long has gone, though its connection may not know. */
const silenceMs = 120_000

/**
 * A body that may take as long as it likes while it goes on. Left early, its connection stays for the answer: a stream
 * that is iterated as usual would be destroyed then.
 */
export async function* steadyBody(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : body
  const chunks = source[Symbol.asyncIterator]()
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('nothing came for two minutes')), silenceMs)
  try {
    for (;;) {
      const { value, done } = await orAbort(Promise.resolve(chunks.next()), silence.signal).catch(
        (cause: unknown) => {
          throw new GpulabError('invalid_request', { message: 'The body was cut.', cause })
        },
      )
      if (done) return
      timer.refresh()
      notePassed(value.length)
      yield value
    }
  } finally {
    clearTimeout(timer)
    void chunks.return?.().catch(() => {})
  }
}
