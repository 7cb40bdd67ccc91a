import { GpulabError } from '@gpulab/contract'
import { createTarReader } from './read-tar.ts'
import { unsafe } from './safe-entry.ts'
import { encodeTarHeader, paddingBytes, tarEnd, type TarEntry } from '@gpulab/transport/tar-header'

const types: ReadonlySet<string> = new Set(['file', 'directory', 'link', 'hardlink', 'fifo'])

export interface RepackWatcher {
  bytes: number
  files: number
  /** All that were told of, each before those in it. */
  readonly folders: TarEntry[]
}

/** A user's own tar stream, in whatever format, in the one that busybox reads; folders as `packTree` has them. */
export async function* repack(
  source: AsyncIterable<Uint8Array>,
  watcher: RepackWatcher,
): AsyncGenerator<Uint8Array> {
  const queue = new Handover()
  const folders = new Map<string, TarEntry>()
  const reader = createTarReader(async (entry, content) => {
    const name = entry.name.replace(/^\/+/, '').replace(/\/+$/, '')
    if (name.split('/').includes('..')) throw unsafe(entry.name, 'is a path with ".."')
    if (!types.has(entry.type)) throw unsafe(entry.name, 'is a device, or of a kind that is not copied')
    if (name === '' || name === '.') return
    const type = entry.type as TarEntry['type']
    const sizeBytes = type === 'file' ? entry.sizeBytes : 0
    const packed = { ...entry, type, name, sizeBytes }
    if (type === 'directory') {
      folders.set(name, packed)
      await queue.put(encodeTarHeader({ ...packed, mode: entry.mode | 0o700 }))
      return
    }
    await queue.put(encodeTarHeader(packed))
    watcher.files++
    if (sizeBytes === 0) return
    for await (const bytes of content) {
      await queue.put(bytes)
      watcher.bytes += bytes.length
    }
    await queue.put(Buffer.alloc(paddingBytes(sizeBytes)))
  })
  const feed = async (): Promise<void> => {
    let length = 0
    for await (const bytes of source) {
      length += bytes.length
      await reader.write(bytes)
    }
    if (length === 0)
      throw new GpulabError('copy_failed', { message: 'There is no archive on standard input.' })
    await reader.finish()
    watcher.folders.push(...[...folders.values()].toSorted((one, other) => depth(one) - depth(other)))
    await queue.put(tarEnd)
  }
  feed().then(
    () => queue.end(),
    (error: unknown) => queue.fail(error),
  )
  yield* queue.take()
}

const depth = ({ name }: TarEntry): number => name.split('/').length

/** From one who gives to one who takes, one piece at a time. */
class Handover {
  #given = Promise.withResolvers<Uint8Array | undefined>()
  #taken = Promise.withResolvers<void>()

  async put(bytes: Uint8Array): Promise<void> {
    this.#given.resolve(bytes)
    await this.#taken.promise
    this.#taken = Promise.withResolvers()
  }

  end(): void {
    this.#given.resolve(undefined)
  }

  fail(error: unknown): void {
    this.#given.reject(error)
  }

  async *take(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const bytes = await this.#given.promise
      if (bytes === undefined) return
      yield bytes
      this.#given = Promise.withResolvers()
      this.#taken.resolve()
    }
  }
}
