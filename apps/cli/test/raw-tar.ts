/** Archives as nobody would write them: every field can be wrong. Texts are strings of bytes. */
export interface RawHeader {
  readonly name?: string
  readonly flag?: string
  readonly content?: Buffer | string
  /** Where it differs from the content's. */
  readonly size?: number | Buffer
  readonly target?: string
  readonly mode?: number
  readonly modified?: number
  readonly prefix?: string
  readonly magic?: string
  readonly checksum?: number
}

export function rawEntry(raw: RawHeader): Buffer {
  const content = Buffer.from(raw.content ?? '')
  const block = Buffer.alloc(512)
  const octal = (at: number, width: number, value: number): void => {
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  }
  block.write(raw.name ?? '', 0, 100, 'latin1')
  octal(100, 8, raw.mode ?? 0o644)
  octal(108, 8, 0)
  octal(116, 8, 0)
  const size = raw.size ?? content.length
  if (typeof size === 'number') octal(124, 12, size)
  else size.copy(block, 124)
  octal(136, 12, raw.modified ?? 1_000_000_000)
  block.write(raw.flag ?? '0', 156, 'latin1')
  block.write(raw.target ?? '', 157, 100, 'latin1')
  block.write(raw.magic ?? 'ustar\u000000', 257, 'latin1')
  block.write(raw.prefix ?? '', 345, 155, 'latin1')
  block.fill(' ', 148, 156)
  const sum = raw.checksum ?? block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

/** Of the next entry. */
export function paxHeader(records: Readonly<Record<string, string | Buffer>>, flag = 'x'): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from('\n')])
    let length = body.length + 1
    while (String(length).length + body.length !== length) length++
    return Buffer.concat([Buffer.from(String(length)), body])
  })
  return rawEntry({ name: 'pax', flag, content: Buffer.concat(lines) })
}

/** GNU's way to tell a long name, or with flag K a long target, of the next entry. */
export const longHeader = (text: string, flag = 'L'): Buffer =>
  rawEntry({ name: '././@LongLink', flag, content: Buffer.from(`${text}\0`, 'latin1'), magic: 'ustar  \0' })

export const rawTar = (...entries: readonly (RawHeader | Buffer)[]): Buffer =>
  Buffer.concat([
    ...entries.map((each) => (Buffer.isBuffer(each) ? each : rawEntry(each))),
    Buffer.alloc(1024),
  ])
