import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Pieces of names, in strings of bytes. */
const pieces = [
  'a',
  'B',
  ' ',
  '\n',
  '\xff',
  '\xc3\xa4',
  '-',
  '..',
  '.x',
  "'",
  '"',
  '\\',
  '*',
  '\x1b[1m',
  '\t',
  '\xe2\x80\xae',
]

/** A tree with names of any bytes, empty folders and files, links of both kinds, modes and times. */
export function growTree(root: string, random: () => number): void {
  const pick = (count: number): number => Math.floor(random() * count)
  const nameOf = (index: number): string => {
    const odd = Array.from({ length: pick(4) }, () => pieces[pick(pieces.length)]).join('')
    const long = pick(12) === 0 ? 'n'.repeat(100 + pick(130)) : ''
    return `${odd}${long}${index}`
  }
  const toPath = (name: string): Buffer => Buffer.from(name, 'latin1')
  const timeOf = (): number => 500_000_000 + pick(1_000_000_000)
  const files: string[] = []

  const grow = (folder: string, depth: number): void => {
    for (let index = 0; index < pick(7); index++) {
      const path = `${folder}/${nameOf(index)}`
      const kind = pick(10)
      if (kind < 3 && depth < 6) {
        mkdirSync(toPath(path))
        grow(path, depth + 1)
        chmodSync(toPath(path), 0o700 | pick(0o100))
        utimesSync(toPath(path), timeOf(), timeOf())
      } else if (kind === 3) {
        symlinkSync(toPath(`${pick(2) === 0 && depth > 0 ? '../' : ''}${nameOf(pick(5))}`), toPath(path))
        lutimesSync(toPath(path), timeOf(), timeOf())
      } else if (kind === 4 && files.length > 0) {
        linkSync(toPath(files[pick(files.length)] ?? ''), toPath(path))
      } else {
        writeFileSync(toPath(path), contentOf(pick))
        chmodSync(toPath(path), 0o400 | pick(0o400))
        utimesSync(toPath(path), timeOf(), timeOf())
        files.push(path)
      }
    }
  }
  mkdirSync(toPath(root), { recursive: true })
  grow(Buffer.from(root).toString('latin1'), 0)
}

/** Of sizes around the edges of blocks and buffers. */
function contentOf(pick: (count: number) => number): Buffer {
  const sizes = [0, 1, 511, 512, 513, 4096, 65_536, 100_000, 262_144 + 3]
  const content = Buffer.alloc(sizes[pick(sizes.length)] ?? 0)
  for (let at = 0; at < content.length; at += 97) content[at] = pick(256)
  return content
}
