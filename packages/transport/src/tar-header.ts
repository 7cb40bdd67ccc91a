/**
 * Headers in GNU's format: busybox reads no other for long names and large files, and names are bytes in it. A name is
 * a string of bytes, one character each (latin1).
 */
export interface TarEntry {
  readonly type: 'file' | 'directory' | 'link' | 'hardlink' | 'fifo'
  readonly name: string
  readonly mode: number
  /** Seconds since 1970. */
  readonly modified: number
  readonly sizeBytes: number
  /** Of links: where they lead to. */
  readonly target: string
}

export const blockBytes = 512
const nameMaxBytes = 100
const flags = { file: '0', hardlink: '1', link: '2', directory: '5', fifo: '6' } as const
const longName = 'L'
const longTarget = 'K'

/** What stands before the content of an entry. */
export function encodeTarHeader({ type, name, mode, modified, sizeBytes, target }: TarEntry): Buffer {
  const full = type === 'directory' ? `${name}/` : name
  return Buffer.concat([
    ...(target.length > nameMaxBytes ? encodeLong(longTarget, target) : []),
    ...(full.length > nameMaxBytes ? encodeLong(longName, full) : []),
    encodeBlock({ flag: flags[type], name: full, mode, modified, sizeBytes, target }),
  ])
}

/** How many zeroes follow a content. */
export const paddingBytes = (sizeBytes: number): number =>
  (blockBytes - (sizeBytes % blockBytes)) % blockBytes

/** Two empty blocks. */
export const tarEnd = Buffer.alloc(2 * blockBytes)

function encodeLong(flag: string, text: string): Buffer[] {
  const bytes = Buffer.from(`${text}\0`, 'latin1')
  const header = encodeBlock({
    flag,
    name: '././@LongLink',
    mode: 0,
    modified: 0,
    sizeBytes: bytes.length,
    target: '',
  })
  return [header, bytes, Buffer.alloc(paddingBytes(bytes.length))]
}

function encodeBlock(entry: {
  flag: string
  name: string
  mode: number
  modified: number
  sizeBytes: number
  target: string
}): Buffer {
  const block = Buffer.alloc(blockBytes)
  block.write(entry.name.slice(0, nameMaxBytes), 0, 'latin1')
  putNumber(block, 100, 8, entry.mode & 0o7777)
  putNumber(block, 108, 8, 0)
  putNumber(block, 116, 8, 0)
  putNumber(block, 124, 12, entry.sizeBytes)
  putNumber(block, 136, 12, toSeconds(entry.modified))
  block.write(entry.flag, 156, 'latin1')
  block.write(entry.target.slice(0, nameMaxBytes), 157, 'latin1')
  block.write('ustar  \0', 257, 'latin1')
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** What is before 1970, or no time at all, is 1970: busybox knows no other. */
const toSeconds = (modified: number): number =>
  modified > 0 && modified < 2 ** 36 ? Math.floor(modified) : 0

/** Octal, or where that is too short GNU's binary number. */
function putNumber(block: Buffer, at: number, width: number, value: number): void {
  const octal = value.toString(8)
  if (octal.length < width) {
    block.write(octal.padStart(width - 1, '0'), at, 'latin1')
    return
  }
  block[at] = 0x80
  block.writeUIntBE(value, at + width - 6, 6)
}
