import { GpulabError } from '@gpulab/contract'
import { Readable, type Writable } from 'node:stream'
import { notePassed } from './collect-as-bytes-pass.ts'
import { orAbort } from './or-abort.ts'

/** A client that sends nothing for so long has gone, though its connection may not know. */
const silenceMs = 120_000

const cut = (cause: unknown): GpulabError =>
  new GpulabError('invalid_request', { message: 'The body was cut.', cause })
const silent = (): Error => new Error('nothing came for two minutes')

/**
 * A body that may take as long as it likes while it goes on. Left early, its connection stays for the answer: a stream
 * that is iterated as usual would be destroyed then.
 */
export class SteadyBody implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const source =
      this.#source instanceof Readable ? this.#source.iterator({ destroyOnReturn: false }) : this.#source
    const chunks = source[Symbol.asyncIterator]()
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(silent()), silenceMs)
    try {
      for (;;) {
        const { value, done } = await orAbort(Promise.resolve(chunks.next()), silence.signal).catch(
          (cause: unknown) => {
            throw cut(cause)
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

  /** Writes all of it and ends `out`, or destroys that where it breaks off. A layer less than to iterate it. */
  pumpTo(out: Writable): void {
    const source =
      this.#source instanceof Readable ? this.#source : Readable.from(this, { objectMode: false })
    const leave = (): void => {
      clearInterval(timer)
      source.off('data', take).off('end', end).off('error', fail).off('close', fail).pause()
      out.off('drain', goOn).off('close', leave)
    }
    const fail = (cause?: unknown): void => {
      leave()
      out.destroy(cut(cause))
    }
    const take = (chunk: Uint8Array): void => {
      notePassed(chunk.length)
      timer.refresh()
      if (!out.write(chunk)) source.pause()
    }
    const goOn = (): void => {
      timer.refresh()
      source.resume()
    }
    const end = (): void => {
      leave()
      out.end()
    }
    // Where it is held back, it is not the client that is silent.
    const timer = setInterval(() => {
      if (!source.isPaused()) fail(silent())
    }, silenceMs)
    out.on('drain', goOn).once('close', leave)
    source.once('end', end).once('error', fail).once('close', fail)
    if (source.destroyed) fail()
    else source.on('data', take)
  }
}
