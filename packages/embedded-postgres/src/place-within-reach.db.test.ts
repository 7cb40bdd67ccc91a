import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { placeWithinReach } from './binaries.ts'

const stranger = { name: 'stranger', uid: 12_345, gid: 12_345 }
let closed: string
let options: Parameters<typeof placeWithinReach>[0]

beforeEach(async () => {
  closed = await mkdtemp(join(tmpdir(), 'gpulab-binaries-'))
  const root = join(closed, 'native')
  await mkdir(join(root, 'bin'), { recursive: true })
  await writeFile(join(root, 'bin/postgres'), 'program', { mode: 0o700 })
  await mkdir(join(root, 'lib'), { mode: 0o700 })
  await writeFile(join(root, 'lib/libpq.so.5.17'), 'library', { mode: 0o600 })
  await symlink('libpq.so.5.17', join(root, 'lib/libpq.so.5'))
  options = { distribution: { root, version: '17.1' }, user: stranger, cacheDir: join(closed, 'cache') }
})

afterEach(() => rm(closed, { recursive: true, force: true }))

test('programs that the user can reach stay where they are', async () => {
  await chmod(closed, 0o711)
  await chmod(join(options.distribution.root, 'bin/postgres'), 0o755)
  expect(await placeWithinReach(options)).toBe(options.distribution.root)
})

test('others are copied, links kept and modes opened', async () => {
  const copy = await placeWithinReach(options)
  expect(copy).toBe(join(options.cacheDir, `postgres-17.1-${process.arch}`))
  const modeOf = async (path: string): Promise<number> => (await lstat(join(copy, path))).mode & 0o777
  expect(await modeOf('.')).toBe(0o755)
  expect(await modeOf('bin/postgres')).toBe(0o755)
  expect(await modeOf('lib/libpq.so.5.17')).toBe(0o644)
  expect((await lstat(join(copy, 'lib/libpq.so.5'))).isSymbolicLink()).toBe(true)
})

test('starts at the same time end with one copy and nothing half made', async () => {
  const copies = await Promise.all([1, 2, 3].map(() => placeWithinReach(options)))
  expect(new Set(copies).size).toBe(1)
  expect(await readdir(options.cacheDir)).toHaveLength(1)
})
