import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anybody, openImageAccess, toRepository } from './image-access.ts'

const id = 'sha256:1'
const none = () => Promise.resolve([])
const folder = () => mkdtempDisposable(join(tmpdir(), 'gpulab-access-'))

describe('an image that was pulled', () => {
  it('without a login is for everybody', async () => {
    await using at = await folder()
    const access = await openImageAccess(join(at.path, 'access.json'))
    await access.allow('ubuntu:22.04', anybody)
    expect(access.allows('ubuntu:22.04', 'one', id)).toBe(true)
    expect(access.isGuarded(['ubuntu:22.04'])).toBe(false)
  })

  it('with a login is for those who have proven theirs, under whatever name', async () => {
    await using at = await folder()
    const access = await openImageAccess(join(at.path, 'access.json'))
    await access.guard('r.io/team/image:1', none)
    // As after a crash in the middle of the pull.
    expect(access.allows('r.io/team/image:1', 'one', id)).toBe(false)
    await access.allow('r.io/team/image:1', 'one')
    for (const name of [
      'r.io/team/image:1',
      'r.io/team/image:2',
      'r.io/team/image@sha256:aa',
      'r.io/team/image',
    ]) {
      expect(['one', 'two', anybody].map((login) => access.allows(name, login, id))).toEqual([
        true,
        false,
        false,
      ])
    }
    expect(access.isGuarded(['other', 'r.io/team/image:9'])).toBe(true)
    await access.allow('r.io/team/image:1', anybody)
    expect(access.allows('r.io/team/image:1', 'two', id)).toBe(true)
  })

  it('before another team logged in stays for everybody, whatever that team pulls', async () => {
    await using at = await folder()
    const path = join(at.path, 'access.json')
    const access = await openImageAccess(path)
    await access.guard('operators/base:none', (repository) => {
      expect(repository).toBe('operators/base')
      return Promise.resolve(['sha256:loaded'])
    })
    for (let index = 0; index < 60; index++) await access.allow('operators/base:none', `login-${index}`)
    const again = await openImageAccess(path)
    expect(again.allows('operators/base:1', 'one', 'sha256:loaded')).toBe(true)
    expect(again.allows('operators/base:none', 'one', 'sha256:pulled')).toBe(false)
  })

  it('stays so over restarts, in a file that others cannot read', async () => {
    await using at = await folder()
    const path = join(at.path, 'access.json')
    const access = await openImageAccess(path)
    const ids = Array.from({ length: 60 }, (_, index) => `login-${index}`)
    await access.guard('r.io/a:1', none)
    await Promise.all(ids.map((id) => access.allow('r.io/a:1', id)))
    const again = await openImageAccess(path)
    expect(again.allows('r.io/a:1', 'login-59', id)).toBe(true)
    // The oldest have to pull again.
    expect(again.allows('r.io/a:1', 'login-0', id)).toBe(false)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('is not guessed about where the file is broken', async () => {
    await using at = await folder()
    const path = join(at.path, 'access.json')
    await writeFile(path, '{"a":', { mode: 0o600 })
    await expect(openImageAccess(path)).rejects.toThrow(/is broken/)
    expect(await readFile(path, 'utf8')).toBe('{"a":')
  })
})

describe('the repository of', () => {
  it.each([
    ['ubuntu', 'ubuntu'],
    ['docker.io/library/ubuntu:22.04', 'ubuntu'],
    ['index.docker.io/team/a:1', 'team/a'],
    ['localhost:5000/a', 'localhost:5000/a'],
    ['localhost:5000/a:1@sha256:0', 'localhost:5000/a'],
    ['ghcr.io/library/a:1', 'ghcr.io/library/a'],
  ])('%s', (reference, repository) => expect(toRepository(reference)).toBe(repository))
})
