import { execFile } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { base64, bytesOf, caller, type OpenWorkers, openWorkers, params } from './open-workers.ts'

const run = promisify(execFile)
let open: OpenWorkers

beforeAll(async () => {
  open = await openWorkers()
})
afterAll(() => open?.[Symbol.asyncDispose]())
afterEach(async () => {
  await run('find', [open.root, open.outside, '-mindepth', '1', '-delete'])
})

const path = (name: string | Buffer) => ({ path: base64(name) })
const list = (name: string, query: { limit?: number; cursor?: string } = {}) =>
  open.files.list({ params, query: { ...path(name), limit: 1000, cursor: undefined, ...query } }, caller())
const read = (name: string | Buffer, conditions?: Record<string, string>) =>
  open.files.read({ params, query: path(name) }, caller(conditions))
const write = (
  name: string | Buffer,
  body: AsyncIterable<Uint8Array>,
  {
    conditions = {},
    ...query
  }: { conditions?: Record<string, string>; parents?: boolean; size?: number } = {},
) =>
  open.files.write(
    {
      params,
      query: { ...path(name), parents: false, mode: 0o640, size: undefined, ...query },
      body,
    },
    caller(conditions),
  )
const remove = (name: string | Buffer, recursive = false) =>
  open.files.remove({ params, query: { ...path(name), recursive } }, caller())
const move = (from: string, to: string, overwrite = false) =>
  open.files.move({ params, body: { from: base64(from), to: base64(to), overwrite } }, caller())
const makeLink = (name: string, target: string | Buffer) =>
  open.files.makeLink({ params, body: { ...path(name), target: base64(target) } }, caller())
const makeFolder = (name: string, parents = false) =>
  open.files.makeFolder({ params, body: { ...path(name), parents } }, caller())
const code = (wanted: string) => expect.objectContaining({ code: wanted }) as Error

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

describe('links', () => {
  beforeEach(async () => {
    await writeFile(join(open.outside, 'secret'), 'secret')
    await mkdir(join(open.root, 'etc'))
    await writeFile(join(open.root, 'etc/passwd'), 'inside')
    await symlink('/etc/passwd', join(open.root, 'absolute'))
    await symlink('../../../../../../etc/passwd', join(open.root, 'relative'))
    await symlink(open.outside, join(open.root, 'out'))
    await symlink('loop', join(open.root, 'loop'))
    await symlink('/proc/self/environ', join(open.root, 'environment'))
  })

  it('lead to where they would with the volume as the root of everything', async () => {
    expect(await text((await read('absolute')).body)).toBe('inside')
    expect(await text((await read('relative')).body)).toBe('inside')
    await expect(read('out/secret')).rejects.toThrow(code('path_not_found'))
    await expect(read('environment')).rejects.toThrow(code('path_not_found'))
    await expect(read('loop')).rejects.toThrow(code('path_not_allowed'))
  })

  it('are written through inside, and never out', async () => {
    await write('absolute', bytesOf('changed'))
    expect(await readFile(join(open.root, 'etc/passwd'), 'utf8')).toBe('changed')
    expect((await lstat(join(open.root, 'absolute'))).isSymbolicLink()).toBe(true)
    for (const name of ['out/new', 'out/secret']) {
      await expect(write(name, bytesOf('x'))).rejects.toThrow(code('path_not_found'))
    }
    expect(await readFile(join(open.outside, 'secret'), 'utf8')).toBe('secret')
    expect(await readdir(open.outside)).toEqual(['secret'])
  })

  it('are removed and moved themselves', async () => {
    await remove('out', true)
    await move('absolute', 'moved')
    expect((await lstat(join(open.root, 'moved'))).isSymbolicLink()).toBe(true)
    expect(await readdir(open.outside)).toEqual(['secret'])
    expect(await readFile(join(open.root, 'etc/passwd'), 'utf8')).toBe('inside')
  })

  it('in a folder that is removed are not followed', async () => {
    await mkdir(join(open.root, 'tree/deep'), { recursive: true })
    await symlink(open.outside, join(open.root, 'tree/deep/out'))
    await remove('tree', true)
    expect(await readdir(open.outside)).toEqual(['secret'])
    await expect(stat(join(open.root, 'tree'))).rejects.toThrow(/ENOENT/)
  })
})

describe('what is no file', () => {
  it('is never opened or waited for', async () => {
    await run('mkfifo', [join(open.root, 'pipe')])
    await run('mknod', [join(open.root, 'zero'), 'c', '1', '5'])
    const server = createServer().listen(join(open.root, 'socket'))
    try {
      for (const name of ['pipe', 'zero', 'socket']) {
        await expect(read(name)).rejects.toThrow(code('path_not_allowed'))
        await expect(write(name, bytesOf('x'))).rejects.toThrow(code('path_not_allowed'))
      }
      for (const name of ['pipe', 'zero', 'socket']) await remove(name)
    } finally {
      server.close()
    }
  })

  it('is not taken for a file where it is a folder, nor the other way', async () => {
    await mkdir(join(open.root, 'folder/sub'), { recursive: true })
    await writeFile(join(open.root, 'file'), 'x')
    await expect(read('folder')).rejects.toThrow(code('path_conflict'))
    await expect(write('folder', bytesOf('x'))).rejects.toThrow(code('path_conflict'))
    await expect(list('file')).rejects.toThrow(code('path_conflict'))
    await expect(read('file/below')).rejects.toThrow(code('path_conflict'))
    await expect(remove('folder')).rejects.toThrow(code('path_conflict'))
    await expect(remove('/', true)).rejects.toThrow(code('path_conflict'))
    await expect(makeFolder('file/x', true)).rejects.toThrow(code('path_conflict'))
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

describe('a link that is made', () => {
  it('leads where it was told to, and elsewhere when told again', async () => {
    await makeLink('l', 'nowhere/yet')
    expect(await readlink(join(open.root, 'l'))).toBe('nowhere/yet')
    await makeLink('l', '/etc/passwd')
    await makeLink('l', '/etc/passwd')
    expect(await readlink(join(open.root, 'l'))).toBe('/etc/passwd')
    await expect(read('l')).rejects.toThrow(code('path_not_found'))
    await makeLink('bytes', Buffer.from([0xff, 0x0a]))
    expect(await readlink(join(open.root, 'bytes'), { encoding: 'buffer' })).toEqual(
      Buffer.from([0xff, 0x0a]),
    )
    expect(await readdir(open.staging)).toEqual([])
  })

  it('takes the place of nothing else, and leads to nothing that is no path', async () => {
    await mkdir(join(open.root, 'folder'))
    await writeFile(join(open.root, 'file'), 'x')
    for (const name of ['folder', 'file'])
      await expect(makeLink(name, 'a')).rejects.toThrow(code('path_conflict'))
    await expect(makeLink('/', 'a')).rejects.toThrow(code('path_conflict'))
    await expect(makeLink('missing/l', 'a')).rejects.toThrow(code('path_not_found'))
    for (const target of ['', 'a\0b', 'x'.repeat(4096)])
      await expect(makeLink('l', target)).rejects.toThrow(code('invalid_request'))
    expect(await readFile(join(open.root, 'file'), 'utf8')).toBe('x')
    expect(await readdir(open.staging)).toEqual([])
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
