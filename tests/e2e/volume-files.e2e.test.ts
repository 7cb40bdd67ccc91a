import type { Container, FileEntry, Volume } from '@gpulab/contract'
import { eventually, readTree, run, startTcpProxy } from '@gpulab/testing'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, mkdtemp, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashOf } from './src/open-box.ts'
import { startSystem, type System } from './src/start-system.ts'

const mib = 2 ** 20
let system: System
let volume: Volume
let work: string

beforeAll(async () => {
  system = await startSystem()
  volume = await volumes<Volume>('create', '--name', 'my-data', '--size', '512MiB')
  const settings = ['--template', 'ubuntu', '--memory', '1', '--volume', 'my-data:/workspace', '--wait']
  await system.json<Container>('deploy', '--name', 'box', ...settings)
  work = await mkdtemp(join(system.dir, 'files-'))
})
afterAll(() => system?.[Symbol.asyncDispose]())

async function volumes<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await system.gpulab(['volumes', ...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}
async function inBox(script: string): Promise<string> {
  const { code, stdout, stderr } = await system.gpulab(['exec', 'box', '--', 'sh', '-c', script])
  if (code !== 0) throw new Error(stderr)
  return stdout
}
/** A call as other programs make it. */
const call = (
  method: string,
  route: string,
  query: Record<string, string>,
  { headers, ...init }: RequestInit & { headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${system.apiUrl}/v1/volumes/${volume.uuid}/files${route}?${new URLSearchParams(query)}`, {
    method,
    headers: { 'api-key': system.apiKey, ...headers },
    ...init,
  })
const asBytes = { 'content-type': 'application/octet-stream' }
const put = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  call('PUT', '/content', { path }, { body, headers: { ...asBytes, ...headers } })
const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code

describe('gpulab volumes cp', () => {
  it('brings a tree in and out as it was, and its containers see it', async () => {
    const tree = join(work, 'tree')
    await mkdir(join(tree, 'some folder/deeper'), { recursive: true })
    for (const [name, text] of Object.entries({
      a: 'a',
      'some folder/ü': '',
      'some folder/deeper/-x': 'x',
    })) {
      await writeFile(join(tree, name), text, { mode: 0o750 })
    }
    await writeFile(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x6e, 0xff])]), 'not UTF-8')
    await symlink('a', join(tree, 'near'))
    await symlink('/nowhere/ü', Buffer.concat([Buffer.from(`${tree}/far`), Buffer.from([0xff])]))
    const before = readTree(tree, { times: false })
    await volumes('cp', tree, 'my-data:/')
    expect(await inBox('cd /workspace/tree && cat a "some folder/deeper/-x" "$(printf "n\\377")"')).toBe(
      'axnot UTF-8',
    )
    expect(await inBox('cd /workspace/tree && readlink near')).toBe('a\n')
    const out = await system.gpulab(['volumes', 'cp', 'my-data:/tree', join(work, 'back'), '--skip-unsafe'])
    expect(out.stderr).toMatch(/Left out: .*far/)
    const kept = (line: string): boolean => !line.startsWith('far')
    expect(readTree(join(work, 'back'), { times: false })).toEqual(before.filter(kept))
  })

  it('takes an archive on standard input, and gives one on standard output', async () => {
    const tree = join(work, 'archived')
    await mkdir(join(tree, 'd'), { recursive: true })
    await writeFile(join(tree, 'd/large'), Buffer.alloc(3 * mib, 'x'), { mode: 0o600 })
    await writeFile(join(tree, 'd/empty'), '')
    await symlink('large', join(tree, 'd/link'))
    await link(join(tree, 'd/large'), join(tree, 'd/second'))
    const shell = (line: string) =>
      run('sh', ['-c', line], { env: { ...process.env, ...system.cli.env, TREE: tree, WORK: work } })
    const gpulab = system.cli.program
    const sent = await shell(
      `tar -C "$TREE" -cf - --sort=name . | ${gpulab} volumes cp - my-data:/streamed -p`,
    )
    expect(sent).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('d/second is another name of ./d/large') as string,
    })
    expect(await inBox('cd /workspace/streamed/d && wc -c < large && readlink link && ls')).toBe(
      `${3 * mib}\nlarge\nempty\nlarge\nlink\n`,
    )
    const given = await shell(
      `mkdir "$WORK/from" && ${gpulab} volumes cp my-data:/streamed/d - | tar -xf - -C "$WORK/from" && cmp "$WORK/from/d/large" "$TREE/d/large" && readlink "$WORK/from/d/link"; ${gpulab} volumes cp my-data:/streamed/d/empty - | tar -tvf -`,
    )
    expect(given.stdout).toMatch(/^large\n-rw-\S+ .* 0 .* empty\n$/)
    const cut = await shell(`head -c 2000000 "$TREE/d/large" | ${gpulab} volumes cp - my-data:/streamed`)
    expect(cut).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('archive cannot be read') as string,
    })
    const both = await system.gpulab(['volumes', 'cp', 'my-data:/a', '-', '--json'])
    expect(both.code).toBe(2)
    const apart = await system.gpulab(['volumes', 'cp', 'my-data:/a', 'my-data:/b'])
    expect(apart.stderr).toContain('volumes cp A:PATH - | gpulab volumes cp - B:FOLDER')
  })

  it('copies one file to and fro, and names it in a list', async () => {
    await writeFile(join(work, 'note'), 'hello\n')
    const copied = await volumes<{ target: string; bytes: number }>('cp', join(work, 'note'), 'my-data:/note')
    expect(copied).toMatchObject({ target: 'my-data:/note', bytes: 6, files: 1 })
    expect(await inBox('cat /workspace/note; echo more >> /workspace/note')).toBe('hello\n')
    await volumes('cp', 'my-data:note', join(work, 'back.txt'))
    expect(await readFile(join(work, 'back.txt'), 'utf8')).toBe('hello\nmore\n')
    const entries = await volumes<FileEntry[]>('ls', 'my-data')
    expect(entries.find(({ name }) => name === 'note')).toMatchObject({ type: 'file', size_bytes: 11 })
    const page = await system.gpulab(['volumes', 'ls', 'my-data', '--path', '/'])
    expect(page.stdout).toMatch(/^NAME +SIZE +MODIFIED\n[^]*note +11 B/)
    const missing = await system.gpulab(['volumes', 'cp', 'my-data:/nothing', work])
    expect({ code: missing.code, stderr: missing.stderr }).toMatchObject({ code: 3 })
  })

  it('goes on where a download was cut, if the file is still the same', async () => {
    const bytes = 64 * mib
    await inBox(`head -c ${bytes} /dev/urandom > /workspace/model`)
    const target = join(work, 'model')
    await using proxy = await startTcpProxy({ target: { port: system.apiPort } })
    proxy.set({ kind: 'cut-after', bytes: 8 * mib, direction: 'to-client' })
    const env = { GPULAB_API_URL: `http://127.0.0.1:${proxy.port}` }
    const cut = await system.gpulab(['volumes', 'cp', 'my-data:/model', target], { env })
    expect(cut.code).toBe(7)
    expect(await readdir(work)).not.toContain('model')
    const again = await volumes<{ resumed_bytes: number }>('cp', 'my-data:/model', target)
    expect(again.resumed_bytes).toBeGreaterThan(mib)
    expect(await hashOf(target)).toBe((await inBox('sha256sum < /workspace/model')).split(' ')[0])
  })
})

describe('the file API', () => {
  it('writes a file as a whole, and only where it is what the client knows', async () => {
    const made = await put('/a', 'one', { 'if-none-match': '*' })
    expect(made.status).toBe(200)
    const { etag } = (await made.json()) as FileEntry
    expect(await codeOf(await put('/a', 'two', { 'if-none-match': '*' }))).toBe('precondition_failed')
    expect((await put('/a', 'two', { 'if-match': etag })).status).toBe(200)
    const late = await put('/a', 'three', { 'if-match': etag })
    expect(late.status).toBe(412)
    expect(await inBox('cat /workspace/a')).toBe('two')
    expect(
      (await call('POST', '/upload', { path: '/new/deep/b' }, { body: 'b', headers: asBytes })).status,
    ).toBe(201)
    expect(await inBox('cat /workspace/new/deep/b; ls -A /workspace/new/deep')).toBe('bb\n')
  })

  it('gives ranges, and says when nothing has changed', async () => {
    await put('/digits', '0123456789')
    const whole = await call('GET', '/content', { path: '/digits' })
    const etag = whole.headers.get('etag') ?? ''
    expect(await whole.text()).toBe('0123456789')
    expect(whole.headers.get('content-length')).toBe('10')
    expect(whole.headers.get('x-content-type-options')).toBe('nosniff')
    const part = await call(
      'GET',
      '/download',
      { path: '/digits' },
      { headers: { range: 'bytes=3-5', 'if-range': etag } },
    )
    expect({ status: part.status, range: part.headers.get('content-range') }).toEqual({
      status: 206,
      range: 'bytes 3-5/10',
    })
    expect(await part.text()).toBe('345')
    expect(
      (await call('GET', '/content', { path: '/digits' }, { headers: { 'if-none-match': etag } })).status,
    ).toBe(304)
    expect(
      (await call('GET', '/content', { path: '/digits' }, { headers: { range: 'bytes=10-' } })).status,
    ).toBe(416)
    await inBox('echo other > /workspace/digits')
    const anew = await call(
      'GET',
      '/content',
      { path: '/digits' },
      { headers: { range: 'bytes=3-5', 'if-range': etag } },
    )
    expect({ status: anew.status, text: await anew.text() }).toEqual({ status: 200, text: 'other\n' })
  })

  it('makes, moves and removes, and never over something else', async () => {
    const asJson = { 'content-type': 'application/json' }
    const post = (route: string, body: object) =>
      call('POST', route, {}, { body: JSON.stringify(body), headers: asJson })
    expect((await post('/folders', { path: '/x/y', parents: true })).status).toBe(201)
    await put('/x/a', 'a')
    await put('/x/b', 'b')
    expect(await codeOf(await post('/move', { from: '/x/a', to: '/x/b' }))).toBe('path_conflict')
    expect((await post('/move', { from: '/x/a', to: '/x/y/c' })).status).toBe(200)
    expect(await inBox('cd /workspace/x && find . | sort | tr "\\n" " "')).toBe('. ./b ./y ./y/c ')
    expect(await codeOf(await call('DELETE', '', { path: '/x' }))).toBe('path_conflict')
    expect((await call('DELETE', '', { path: '/x', recursive: 'true' })).status).toBe(204)
    expect(await codeOf(await call('GET', '/info', { path: '/x' }))).toBe('path_not_found')
  })

  it('gives a folder as a tar archive that others can read', async () => {
    await inBox(
      'mkdir -p /workspace/t/u; echo 1 > /workspace/t/u/f; ln -s u/f /workspace/t/l; mkfifo /workspace/t/p',
    )
    const answer = await call('GET', '/download', { path: '/t' })
    expect(answer.headers.get('content-type')).toMatch(/x-tar/)
    await writeFile(join(work, 't.tar'), Buffer.from(await answer.arrayBuffer()))
    await mkdir(join(work, 'untarred'))
    const tar = spawn('tar', ['-xf', join(work, 't.tar'), '-C', join(work, 'untarred')])
    expect((await once(tar, 'exit'))[0]).toBe(0)
    expect(await readFile(join(work, 'untarred/l'), 'utf8')).toBe('1\n')
  })
})

describe('what is hostile', () => {
  const corpus = [
    '/../../etc/passwd',
    '..',
    '/a/../../b',
    'a\0b',
    '/%2e%2e/x/..',
    'x/..\0',
    `/${'n'.repeat(256)}`,
  ]
  const routes: [string, string, RequestInit & { headers?: Record<string, string> }][] = [
    ['GET', '', {}],
    ['GET', '/info', {}],
    ['GET', '/content', {}],
    ['GET', '/download', {}],
    ['PUT', '/content', { body: 'x', headers: asBytes }],
    ['POST', '/upload', { body: 'x', headers: asBytes }],
    ['DELETE', '', {}],
  ]

  it.each(routes)('a path that leads out is refused by %s %s', async (method, route, init) => {
    for (const path of corpus) {
      const answer = await call(method, route, { path }, init)
      expect({ path, status: answer.status, code: await codeOf(answer) }).toMatchObject({
        status: 400,
        code: 'invalid_request',
      })
    }
  })

  it.each(['/folders', '/move', '/links'])('a path that leads out is refused by POST %s', async (route) => {
    for (const path of corpus) {
      const bodies: Record<string, object> = {
        '/folders': { path, parents: true },
        '/move': { from: '/a', to: path },
        '/links': { path, target: 'a' },
      }
      const body = JSON.stringify(bodies[route])
      const answer = await call('POST', route, {}, { body, headers: { 'content-type': 'application/json' } })
      expect({ path, status: answer.status }).toEqual({ path, status: 400 })
    }
  })

  it('links lead nowhere else, and what is no file is never opened', async () => {
    await inBox(
      'cd /workspace && ln -s /etc/passwd out && ln -s ../../../etc outdir && mkfifo pipe && ln -s a inside && echo > "$(printf "new\\nline")" && touch "$(printf "\\377")"',
    )
    expect(await codeOf(await call('GET', '/content', { path: '/out' }))).toBe('path_not_found')
    expect(await codeOf(await call('GET', '', { path: '/outdir' }))).toBe('path_not_found')
    expect(await codeOf(await call('GET', '/content', { path: '/pipe' }))).toBe('path_not_allowed')
    expect(await codeOf(await put('/pipe', 'x'))).toBe('path_not_allowed')
    expect(await (await call('GET', '/content', { path: '/inside' })).text()).toBe('two')
    expect((await call('GET', '/content', { path: '/new\nline' })).status).toBe(200)
    const bytes = { path_base64: Buffer.from([0xff]).toString('base64') }
    expect((await call('GET', '/content', bytes)).status).toBe(200)
    const { items } = (await (await call('GET', '', {})).json()) as { items: FileEntry[] }
    expect(items.find(({ name_base64: name }) => name === bytes.path_base64)).toMatchObject({ type: 'file' })
    const page = await system.gpulab(['volumes', 'ls', 'my-data'])
    expect(page.stdout).toContain(String.raw`new\nline`)
  })

  it('an upload that is cut leaves what was there', async () => {
    await put('/kept', 'old')
    const abort = new AbortController()
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.alloc(mib)),
      pull: () => new Promise(() => {}),
    })
    const upload = call(
      'PUT',
      '/content',
      { path: '/kept' },
      {
        body,
        duplex: 'half',
        headers: asBytes,
        signal: abort.signal,
      },
    )
    const staging = join(
      system.dir,
      'agent/volumes',
      volume.enforced ? 'mounts' : 'folders',
      volume.uuid,
      'staging',
    )
    await eventually(async () => expect(await readdir(staging)).toHaveLength(1), { timeoutMs: 30_000 })
    abort.abort()
    await expect(upload).rejects.toThrow()
    await eventually(async () => expect(await readdir(staging)).toEqual([]), { timeoutMs: 30_000 })
    expect(await inBox('cat /workspace/kept')).toBe('old')
  })

  it.runIf(process.getuid?.() === 0)('a volume that is full says so, and keeps what it had', async () => {
    if (volume.enforced !== true) return
    const file = join(work, 'large')
    await using handle = await open(file, 'w')
    await handle.truncate(600 * mib)
    const { code, stderr } = await system.gpulab(['volumes', 'cp', file, 'my-data:/kept'])
    expect({ code, stderr }).toMatchObject({ code: 6, stderr: expect.stringMatching(/full/) as string })
    expect(await inBox('cat /workspace/kept')).toBe('old')
  })
})

it('a volume whose files were just looked at can be deleted', async () => {
  await system.gpulab(['rm', 'box', '--force'])
  await volumes('ls', 'my-data')
  await eventually(
    async () => expect((await system.gpulab(['volumes', 'rm', 'my-data', '--force'])).code).toBe(0),
    { timeoutMs: 60_000 },
  )
  await eventually(async () => expect(await volumes()).toEqual([]), { timeoutMs: 30_000 })
})
