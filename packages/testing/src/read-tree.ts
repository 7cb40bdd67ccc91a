import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What is in a folder, one line an entry: names as bytes, kinds, modes, times in seconds, contents. */
export function readTree(root: string, { times = true }: { readonly times?: boolean } = {}): string[] {
  const lines: string[] = []
  const visit = (path: Buffer, name: string): void => {
    for (const each of readdirSync(path, { encoding: 'buffer' }) as unknown as Buffer[]) {
      const inner = Buffer.concat([path, Buffer.from('/'), each])
      const stats = lstatSync(inner)
      const inside = `${name}${each.toString('latin1')}`
      const when = times ? ` ${Math.floor(stats.mtimeMs / 1000)}` : ''
      const facts = `${(stats.mode & 0o7777).toString(8)}${when}`
      if (stats.isDirectory()) {
        lines.push(`${inside}/ ${facts}`)
        visit(inner, `${inside}/`)
      } else if (stats.isSymbolicLink()) {
        lines.push(
          `${inside} -> ${(readlinkSync(inner, { encoding: 'buffer' }) as unknown as Buffer).toString('latin1')}`,
        )
      } else {
        const content = stats.isFile()
          ? createHash('sha256').update(readFileSync(inner)).digest('hex')
          : 'other'
        lines.push(`${inside} ${facts} ${stats.size} ${content}`)
      }
    }
  }
  visit(Buffer.from(root), '')
  return lines.toSorted()
}
