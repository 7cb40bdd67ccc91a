import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { base64, bytesOf, caller, type OpenWorkers, openWorkers, params } from './open-workers.ts'
import { code, path, useVolume } from './volume-calls.ts'

const run = promisify(execFile)
const { open, list, read, write, remove, move, makeLink, makeFolder } = await useVolume()

describe('content', () => {
  it('is read as it is, whole or in part', async () => {
    await writeFile(join(open.root, 'a'), '0123456789')
    const whole = await read('a')
    expect(whole).toMatchObject({
      status: 200,
      headers: { 'content-length': '10', 'accept-ranges': 'bytes' },
    })
    expect(await text(whole.body)).toBe('0123456789')
    const part = await read('/a', { range: 'bytes=2-4' })
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 2-4/10' } })
    expect(await text(part.body)).toBe('234')
    await expect(read('a', { range: 'bytes=10-' })).rejects.toThrow(code('range_invalid'))
    await writeFile(join(open.root, 'empty'), '')
    expect(await text((await read('empty')).body)).toBe('')
  })

  it('goes on where it was only if it is still the same', async () => {
    await writeFile(join(open.root, 'a'), '0123456789')
    const { etag = '' } = (await read('a')).headers
    expect((await read('a', { 'if-none-match': etag })).status).toBe(304)
    expect((await read('a', { range: 'bytes=5-', 'if-range': etag })).status).toBe(206)
    await writeFile(join(open.root, 'a'), 'abcdefghij')
    const again = await read('a', { range: 'bytes=5-', 'if-range': etag })
    expect(again.status).toBe(200)
    expect(await text(again.body)).toBe('abcdefghij')
  })

  it('is written as a whole, and keeps mode and owner of what was there', async () => {
    const entry = await write('new', bytesOf('one ', 'two'))
    expect(entry).toMatchObject({ name: 'new', type: 'file', size_bytes: 7, mode: 0o640 })
    expect(await readFile(join(open.root, 'new'), 'utf8')).toBe('one two')
    await chmod(join(open.root, 'new'), 0o755)
    const next = await write('new', bytesOf('three'), {
      conditions: { 'if-match': (await read('new')).headers['etag'] ?? '' },
    })
    expect(next.mode).toBe(0o755)
    expect(next.etag).not.toBe(entry.etag)
    expect(await readdir(open.staging)).toEqual([])
  })

  it('is written only where it is what the client expects', async () => {
    const { etag } = await write('a', bytesOf('1'), { conditions: { 'if-none-match': '*' } })
    await expect(write('a', bytesOf('2'), { conditions: { 'if-none-match': '*' } })).rejects.toThrow(
      code('precondition_failed'),
    )
    await write('a', bytesOf('2'), { conditions: { 'if-match': etag } })
    await expect(write('a', bytesOf('3'), { conditions: { 'if-match': etag } })).rejects.toThrow(
      code('precondition_failed'),
    )
    await expect(write('b', bytesOf('3'), { conditions: { 'if-match': '*' } })).rejects.toThrow(
      code('precondition_failed'),
    )
    expect(await readFile(join(open.root, 'a'), 'utf8')).toBe('2')
  })

  it('of which two want to be first is written once', async () => {
    const writes = Array.from({ length: 20 }, (_, index) =>
      write('a', bytesOf(String(index)), { conditions: { 'if-none-match': '*' } }),
    )
    const settled = await Promise.allSettled(writes)
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('that breaks off leaves what was there, and nothing beside it', async () => {
    await writeFile(join(open.root, 'a'), 'old')
    async function* broken() {
      yield Buffer.alloc(1 << 20)
      throw new Error('cut')
    }
    await expect(write('a', broken())).rejects.toThrow(code('invalid_request'))
    await expect(write('a', bytesOf('short'), { size: 100 })).rejects.toThrow(code('invalid_request'))
    expect(await readFile(join(open.root, 'a'), 'utf8')).toBe('old')
    await expect.poll(() => readdir(open.staging)).toEqual([])
  })

  it('makes the folders that it is in, if told to', async () => {
    await expect(write('x/y/z', bytesOf('1'))).rejects.toThrow(code('path_not_found'))
    await write('x/y/z', bytesOf('1'), { parents: true })
    expect(await readFile(join(open.root, 'x/y/z'), 'utf8')).toBe('1')
  })
})

describe('a list', () => {
  it('tells what each entry is', async () => {
    await mkdir(join(open.root, 'folder'))
    await writeFile(join(open.root, 'file'), 'abc')
    await symlink('/etc/passwd', join(open.root, 'link'))
    await run('mkfifo', [join(open.root, 'pipe')])
    const { items, next_cursor } = await list('/')
    expect(next_cursor).toBeNull()
    expect(items.map(({ name, type, target }) => [name, type, target])).toEqual([
      ['file', 'file', null],
      ['folder', 'directory', null],
      ['link', 'link', '/etc/passwd'],
      ['pipe', 'other', null],
    ])
  })

  it('has pages, each name once', async () => {
    const names = Array.from({ length: 250 }, (_, index) => `f${index}`)
    await Promise.all(names.map((name) => writeFile(join(open.root, name), '')))
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await list('', { limit: 100, ...(cursor !== undefined && { cursor }) })
      seen.push(...page.items.map(({ name }) => name))
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
    expect(seen.toSorted()).toEqual(names.toSorted())
  })

  it('of 100,000 entries comes page by page', { timeout: 60_000 }, async () => {
    await run('sh', ['-c', `cd ${open.root} && seq 1 100000 | xargs -n 5000 touch`])
    const first = await list('', { limit: 10_000 })
    expect(first.items).toHaveLength(10_000)
    const second = await list('', { limit: 10_000, cursor: first.next_cursor ?? '' })
    expect(second.items[0]?.name).not.toBe(first.items[0]?.name)
    expect(second.items).toHaveLength(10_000)
  })
})

it('is cut where a page would take more memory than others can spare', { timeout: 60_000 }, async () => {
  const count = 1000
  const control = '\x01'.repeat(4000)
  for (let index = 0; index < count; index++) await symlink(control, join(open.root, `link${index}`))
  const seen = new Set<string>()
  let cursor: string | undefined
  let pages = 0
  do {
    const page = await list('', { limit: 10_000, ...(cursor !== undefined && { cursor }) })
    expect(JSON.stringify(page).length).toBeLessThan(9 << 20)
    for (const { name } of page.items) seen.add(name)
    cursor = page.next_cursor ?? undefined
    pages++
  } while (cursor !== undefined)
  expect(seen.size).toBe(count)
  expect(pages).toBeGreaterThan(1)
})

it(
  'a folder of more entries than are read at once is removed with all of them',
  { timeout: 60_000 },
  async () => {
    await run('sh', [
      '-c',
      `mkdir ${open.root}/many && cd ${open.root}/many && seq 1 25000 | xargs -n 5000 touch`,
    ])
    await remove('many', true)
    expect(await readdir(open.root)).toEqual([])
  },
)

describe('names', () => {
  it.each([
    ['with a newline', Buffer.from('a\nb')],
    ['that are not UTF-8', Buffer.from([0x61, 0xff, 0xfe])],
    ['of 255 bytes', Buffer.from('x'.repeat(255))],
    ['with blanks and signs', Buffer.from(' %2e%2e ; rm -rf $HOME "')],
    ['that look like flags', Buffer.from('-rf')],
    ['in other writing', Buffer.from('数据😀')],
  ])('%s work everywhere', async (_, name) => {
    await write(name, bytesOf('content'))
    const { items } = await list('/')
    const entry = items[0]
    expect(Buffer.from(entry?.name_base64 ?? base64(entry?.name ?? ''), 'base64')).toEqual(name)
    expect(await text((await read(name)).body)).toBe('content')
    await remove(name)
    expect((await list('/')).items).toEqual([])
  })

  it.each([
    ['..'],
    ['../outside/secret'],
    ['a/../../outside/secret'],
    ['/../outside/secret'],
    ['a/..'],
    ['a\0b'],
    ['x'.repeat(256)],
    ['y/'.repeat(3000)],
  ])('that lead out or are none are refused: %j', async (name) => {
    await mkdir(join(open.root, 'a'))
    const attempts = [
      read(name),
      write(name, bytesOf('x')),
      list(name),
      remove(name, true),
      makeFolder(name, true),
      makeLink(name, 'a'),
    ]
    const refused = attempts.map((attempt) => expect(attempt).rejects.toThrow(code('invalid_request')))
    await Promise.all(refused)
    expect(await readdir(open.outside)).toEqual([])
  })
})

describe('the folder for what is being written, where it is in the volume itself', () => {
  const hidden = '.hidden'
  let inside: OpenWorkers
  const query = (name: string) => ({ params, query: path(name) })
  const put = (name: string) =>
    inside.files.write(
      {
        params,
        query: { ...path(name), parents: true, mode: 0o640, size: undefined },
        body: bytesOf('x'),
      },
      caller(),
    )

  beforeAll(async () => {
    inside = await openWorkers(hidden)
  })
  afterAll(() => inside?.[Symbol.asyncDispose]())

  it('is not there for those who ask for files', async () => {
    await put('a')
    await writeFile(join(inside.staging, 'part'), 'x')
    await symlink('/', join(inside.root, 'root'))
    const { files } = inside
    for (const folder of ['/', 'root']) {
      const { items } = await files.list(
        { params, query: { ...path(folder), limit: 10, cursor: undefined } },
        caller(),
      )
      expect(items.map(({ name }) => name)).toEqual(['a', 'root'])
    }
    for (const name of [hidden, `/${hidden}/part`, `root/${hidden}/part`]) {
      await expect(files.read(query(name), caller())).rejects.toThrow(code('path_not_found'))
      await expect(put(name)).rejects.toThrow(code('path_not_found'))
      const gone = { params, query: { ...path(name), recursive: true } }
      await expect(files.remove(gone, caller())).rejects.toThrow(code('path_not_found'))
      const moved = { from: base64('a'), to: base64(name), overwrite: true }
      await expect(files.move({ params, body: moved }, caller())).rejects.toThrow(code('path_not_found'))
    }
    expect(await readdir(inside.staging)).toEqual(['part'])
  })

  it('is made anew when a container has removed it', async () => {
    await put('before')
    await run('rm', ['-r', inside.staging])
    await put('after')
    await run('rm', ['-r', inside.staging])
    await inside.files.makeLink({ params, body: { ...path('l'), target: base64('after') } }, caller())
    expect(await readFile(join(inside.root, 'l'), 'utf8')).toBe('x')
  })
})

describe('a move', () => {
  it('replaces only what it is told to', async () => {
    await writeFile(join(open.root, 'a'), 'a')
    await writeFile(join(open.root, 'b'), 'b')
    await expect(move('a', 'b')).rejects.toThrow(code('path_conflict'))
    await move('a', 'b', true)
    expect(await readFile(join(open.root, 'b'), 'utf8')).toBe('a')
    await mkdir(join(open.root, 'd'))
    await expect(move('d', 'd/e')).rejects.toThrow(code('invalid_request'))
    await expect(move('nothing', 'x')).rejects.toThrow(code('path_not_found'))
  })
})

describe('an archive', () => {
  it('has what a tar program expects of it', async () => {
    const long = 'n'.repeat(200)
    await mkdir(join(open.root, 'tree', long), { recursive: true })
    await writeFile(join(open.root, 'tree', long, 'file'), 'x'.repeat(1000))
    await symlink('../../elsewhere', join(open.root, 'tree/link'))
    await run('mkfifo', [join(open.root, 'tree/pipe')])
    const packed = await buffer(await open.files.archive({ params, query: path('tree') }, caller()))
    const tar = join(open.outside, 'tree.tar')
    await writeFile(tar, packed)
    const { stdout } = await run('tar', ['-tf', tar])
    expect(stdout.split('\n').toSorted().filter(Boolean)).toEqual([
      './',
      './link',
      `./${long}/`,
      `./${long}/file`,
    ])
    await run('tar', ['-xf', tar, '-C', open.outside])
    expect(await readFile(join(open.outside, long, 'file'), 'utf8')).toBe('x'.repeat(1000))
  })
})
