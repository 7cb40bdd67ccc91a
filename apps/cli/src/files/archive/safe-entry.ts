import { GpulabError } from '@gpulab/contract'

/** An entry as an archive tells it, before anybody believes it. Names are strings of bytes, one character each. */
export interface RawEntry {
  readonly type: string
  readonly name: string
  readonly target: string
  readonly sizeBytes: number
}

/** Components of a path below the folder that is unpacked into; none: the folder itself. */
export type SafeName = readonly string[]

const nameMaxBytes = 255
const pathMaxBytes = 3000
const types = new Set(['file', 'directory', 'link', 'hardlink'])

/** Throws where an entry is not something that may be unpacked, or would be anywhere but below the folder. */
export function checkEntry(entry: RawEntry): { readonly name: SafeName; readonly target: SafeName } {
  if (!types.has(entry.type)) throw unsafe(entry.name, `is ${describeType(entry.type)}`)
  const name = splitName(entry.name, entry.name)
  if (name.length === 0 && entry.type !== 'directory') throw unsafe(entry.name, 'has no name')
  if (entry.type === 'hardlink') {
    const target = splitName(entry.target, entry.name)
    if (target.length === 0) throw unsafe(entry.name, 'is a hard link to nothing')
    return { name, target }
  }
  if (entry.type === 'link') checkLink(entry, name)
  return { name, target: [] }
}

function splitName(text: string, shown: string): SafeName {
  if (text.startsWith('/')) throw unsafe(shown, 'is, or leads to, an absolute path')
  if (text.includes('\0')) throw unsafe(shown, 'has a name that ends in its middle')
  if (text.length > pathMaxBytes) throw unsafe(shown, 'has a path that is too long')
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw unsafe(shown, 'is, or leads to, a path with ".."')
  if (parts.some((part) => part.length > nameMaxBytes)) throw unsafe(shown, 'has a name that is too long')
  return parts
}

/**
 * A link may go up only at its beginning, and not above the folder: then whatever other links it goes through, each of
 * them leads to something below as well.
 */
function checkLink({ name: shown, target }: RawEntry, name: SafeName): void {
  if (target === '' || target.includes('\0')) throw unsafe(shown, 'is a link to nothing')
  if (target.startsWith('/')) throw unsafe(shown, `is a link that leads out, to ${toText(target)}`)
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const ups = parts.findIndex((part) => part !== '..')
  const first = ups === -1 ? parts.length : ups
  if (first > name.length - 1 || parts.slice(first).includes('..')) {
    throw unsafe(shown, `is a link that leads out, to ${toText(target)}`)
  }
}

const described: Readonly<Record<string, string>> = {
  'character-device': 'a device',
  'block-device': 'a device',
  fifo: 'a named pipe',
  sparse: 'a file with holes, in a form that is not unpacked',
}
const describeType = (type: string): string => described[type] ?? 'of a kind that is not unpacked'

/** Bytes as a person would read them. */
export const toText = (name: string): string => Buffer.from(name, 'latin1').toString()

export const unsafe = (name: string, what: string): GpulabError =>
  new GpulabError('archive_unsafe', {
    message: `"${toText(name).slice(0, 200)}" ${what}.`,
    hint: '--skip-unsafe leaves such entries out; gpulab cp CONTAINER:PATH - gives the archive as it is.',
    details: { entry: toText(name).slice(0, 1000) },
  })
