import { open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

export interface ArchiveEntry {
  readonly name: string
  /** A file of this machine, or the text itself. */
  readonly source: { readonly path: string } | { readonly text: string }
  readonly isExecutable?: boolean
}

const blockBytes = 512

/** A `.tar.gz` that depends on its entries alone: whoever builds the same again gets the same bytes. */
export async function writeArchive(
  path: string,
  entries: readonly ArchiveEntry[],
  mtime: Date,
): Promise<void> {
  const parts: Buffer[] = []
  for (const { name, source, isExecutable = false } of entries) {
    const content = 'path' in source ? await readFile(source.path) : Buffer.from(source.text)
    const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)
    parts.push(header(name, content.length, isExecutable ? 0o755 : 0o644, mtime), content, padding)
  }
  const compressed = await promisify(gzip)(Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]), {
    level: 9,
  })
  await using file = await open(path, 'w')
  await file.writeFile(compressed)
}

/** Of a plain file of root's, in POSIX's ustar format. */
function header(name: string, size: number, mode: number, mtime: Date): Buffer {
  const block = Buffer.alloc(blockBytes)
  const octal = (value: number, length: number): string => value.toString(8).padStart(length - 1, '0')
  if (Buffer.byteLength(name) > 100) throw new Error(`The name ${name} is too long for the archive`)
  block.write(name, 0)
  block.write(octal(mode, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(Math.floor(mtime.getTime() / 1000), 12), 136)
  block.write(' '.repeat(8), 148)
  block.write('0', 156)
  block.write('ustar\u000000', 257, 'latin1')
  block.write('root', 265)
  block.write('root', 297)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 7)}\u0000 `, 148, 'latin1')
  return block
}
