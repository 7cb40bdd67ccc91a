import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

it('migrations make the schema that the code describes', async () => {
  // Below the app: drizzle-kit takes relative folders only.
  const copy = await mkdtemp(join(root, 'node_modules/.migrations-'))
  try {
    await cp(join(root, 'migrations'), copy, { recursive: true })
    const before = await readdir(copy)
    const out = copy.slice(root.length + 1)
    const arguments_ = [
      'generate',
      '--dialect',
      'postgresql',
      '--schema',
      './src/db/schema/index.ts',
      '--out',
      out,
    ]
    const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/drizzle-kit'), arguments_, {
      cwd: root,
    })
    expect(await readdir(copy), stdout).toEqual(before)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}, 30_000)
