import { GpulabError } from '@gpulab/contract'
import { extract, type Header } from 'tar-stream'
import { type RawEntry, unsafe } from './safe-entry.ts'

/** An entry with what it wants to be, in strings of bytes. */
export interface ArchiveEntry extends RawEntry {
  readonly mode: number
  /** Seconds since 1970. */
  readonly modified: number
}

interface Source extends AsyncIterable<Uint8Array> {
  readonly destroyed: boolean
  resume(): void
}

type Visit = (entry: ArchiveEntry, content: AsyncIterable<Uint8Array>) => Promise<void>

const types: Readonly<Record<string, string>> = {
  symlink: 'link',
  link: 'hardlink',
  'contiguous-file': 'file',
}

/** Reads a tar stream in any usual format. What a visit leaves of a content is skipped. */
export function createTarReader(visit: Visit) {
  // Names are bytes: this encoding keeps them as they are.
  const options: object = { filenameEncoding: 'latin1', allowUnknownFormat: true }
  const tar = extract(options)
  const done = Promise.withResolvers<void>()
  done.promise.catch(() => {})
  const read = async (header: Header, stream: Source, next: () => void): Promise<void> => {
    try {
      await visit(toEntry(header), stream)
      if (!stream.destroyed) stream.resume()
    } catch (error) {
      done.reject(error)
      tar.destroy(error as Error)
      return
    }
    next()
  }
  let visiting = Promise.resolve()
  tar.on('entry', (header, stream, next) => {
    // Whoever reads it hears of it; whoever has left it need not.
    stream.on('error', () => {})
    visiting = read(header, stream as unknown as Source, next)
  })
  tar.on('finish', () => done.resolve())
  tar.on('error', (error) => done.reject(broken(error)))
  // A visit that fails closes it, and knows why.
  const close = async (): Promise<void> => {
    await visiting
    done.reject(broken(new Error('it was cut')))
  }
  tar.on('close', () => void close())
  return {
    /** Resolves when more can be taken. */
    write: (bytes: Uint8Array): Promise<void> => {
      if (tar.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))) return Promise.resolve()
      return Promise.race([new Promise<void>((resolve) => tar.once('drain', resolve)), done.promise])
    },
    /** After the last bytes, when all entries were visited. */
    finish: async (): Promise<void> => {
      tar.end(undefined)
      await done.promise
      await visiting
    },
  }
}

function toEntry(header: Header): ArchiveEntry {
  const pax = (header.pax ?? {}) as Record<string, string>
  const name = readText(header.name, pax['path'])
  const isSparse = Object.keys(pax).some((key) => key.startsWith('GNU.sparse'))
  const modified = Number(pax['mtime'] ?? (header.mtime?.getTime() ?? 0) / 1000)
  return {
    type: isSparse ? 'sparse' : (types[header.type] ?? header.type ?? 'unknown'),
    name,
    target: readText(header.linkname ?? '', pax['linkpath']),
    sizeBytes: header.size ?? 0,
    mode: header.mode ?? 0,
    modified,
  }
}

/** The library has decoded names of PAX headers from UTF-8, in which they have to be; others it left as bytes. */
function readText(text: string, fromPax: string | undefined): string {
  if (fromPax === undefined || fromPax === '') return text
  if (fromPax.includes('\uFFFD')) throw unsafe(fromPax, 'has a name that cannot be read')
  return Buffer.from(fromPax).toString('latin1')
}

const broken = (cause: Error): GpulabError =>
  new GpulabError('copy_failed', {
    message: `The archive cannot be read: ${cause.message}.`,
    hint: 'It may have been cut, or be compressed: give it as plain tar.',
    cause,
  })
