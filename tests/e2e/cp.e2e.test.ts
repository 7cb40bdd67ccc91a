import { createRandom, growTree, readTree, startTcpProxy } from '@gpulab/testing'
import { execFileSync } from 'node:child_process'
import { appendFile, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Box, hashOf, makeFile, openBox, type Result } from './src/open-box.ts'
import { peakKib } from './src/peak-memory.ts'
import { spawnCli } from './src/spawn-cli.ts'
import type { System } from './src/start-system.ts'

/** GPULAB_TEST_CP_MIB=10240 makes the long run. */
const bigBytes = Number(process.env['GPULAB_TEST_CP_MIB'] ?? 256) * 2 ** 20
const longMs = 180_000 + bigBytes / 5000

let box: Box
let system: System
/** Of one test alone, here and in the container. */
let work: string
let there: string

beforeAll(async () => {
  box = await openBox()
  system = box.system
})
afterAll(() => box?.[Symbol.asyncDispose]())
beforeEach(async () => {
  ;({ work, there } = await box.makeFolders())
})

const inBox = (...command: string[]): Promise<string> => box.run(...command)
const listThere = (folder = there): Promise<string[]> => box.list(folder)
const cp = (...args: string[]): Promise<Result> => box.cp(...args)
const tryCp = (...args: string[]) => box.tryCp(...args)
const startCopy = (args: readonly string[], partBytes: () => Promise<number>) =>
  box.startCopy(args, partBytes)

describe('a tree', () => {
  it.each([11, 12, 13, 14])('is the same after it went in and out (%i)', async (seed) => {
    growTree(join(work, 'tree'), createRandom(seed))
    const tree = readTree(join(work, 'tree'))
    expect(await cp(join(work, 'tree'), `box:${there}`)).toMatchObject({ target: `box:${there}/tree` })
    await cp(`box:${there}/tree`, join(work, 'out'))
    expect(readTree(join(work, 'out'))).toEqual(tree)
    expect(await listThere()).toEqual(['tree'])

    // As tar has it, through standard output and input.
    const { bytes, code } = await system.gpulab(['cp', `box:${there}/tree`, '-'])
    expect(code).toBe(0)
    await mkdir(join(work, 'streamed'))
    execFileSync('tar', ['-x', '-p', '-C', join(work, 'streamed')], { input: bytes })
    expect(readTree(join(work, 'streamed/tree'))).toEqual(tree)
    const input = execFileSync('tar', ['-c', '--format=gnu', '-C', join(work, 'tree'), '.'], {
      maxBuffer: 1 << 28,
    })
    expect((await system.gpulab(['cp', '-', `box:${there}/new`, '-p'], { input })).code).toBe(0)
    await cp(`box:${there}/new/.`, join(work, 'back'))
    expect(readTree(join(work, 'back'))).toEqual(tree)
  })

  it('goes beside what is there, and again over itself', async () => {
    growTree(join(work, 'tree'), createRandom(15))
    await mkdir(join(work, 'other/sub'), { recursive: true })
    await writeFile(join(work, 'other/sub/file'), 'other')
    await cp(`${work}/tree/.`, `box:${there}/both`)
    await cp(`${work}/other/.`, `box:${there}/both`)
    await cp(`${work}/tree/.`, `box:${there}/both/`)
    await cp(`box:${there}/both`, join(work, 'out'))
    await cp(`box:${there}/both/.`, join(work, 'out'))
    const lines = readTree(join(work, 'out'), { times: false })
    for (const line of readTree(join(work, 'tree'), { times: false })) expect(lines).toContain(line)
    expect(lines.filter((line) => line.startsWith('sub'))).toEqual([
      expect.stringMatching(/^sub\/ /),
      expect.stringMatching(/^sub\/file /),
    ])
    expect(await readdir(work)).toEqual(['other', 'out', 'tree'])
  })

  it('of formats that busybox does not know is read from standard input', async () => {
    const name = `${'x'.repeat(90)}/${'ü'.repeat(70)}/${'y'.repeat(120)}`
    await mkdir(join(work, 'tree', name), { recursive: true })
    await writeFile(join(work, 'tree', name, 'z'), 'content')
    const input = execFileSync('tar', ['-c', '--format=pax', '-C', work, 'tree'])
    expect((await system.gpulab(['cp', '-', `box:${there}`], { input })).code).toBe(0)
    expect(await inBox('cat', `${there}/tree/${name}/z`)).toBe('content')
  })
})

describe('a file', () => {
  it('follows the rules of docker', async () => {
    const file = join(work, 'file')
    await writeFile(file, 'content', { mode: 0o640 })
    await inBox('mkdir', '-p', `${there}/dir/file2`)
    expect(await cp(file, `box:${there}/new`)).toMatchObject({
      bytes: 7,
      files: 1,
      sha256: await hashOf(file),
    })
    expect(await cp(file, `box:${there}/dir`)).toMatchObject({ target: `box:${there}/dir/file` })
    expect(await inBox('stat', '-c', '%a %Y', `${there}/dir/file`)).toBe(
      `640 ${Math.floor((await stat(file)).mtimeMs / 1000)}\n`,
    )
    expect(await tryCp(file, `box:${there}/none/`)).toMatchObject({ code: 3 })
    expect(await tryCp(file, `box:${there}/none/x`)).toMatchObject({ code: 3 })
    expect(await tryCp(file, `box:${there}/none/x`, '-p')).toMatchObject({ code: 0 })
    expect(await tryCp(work, `box:${there}/new`)).toMatchObject({ code: 5 })
    expect(await tryCp(`box:${there}/none2`, work)).toMatchObject({ code: 3 })
    expect(await tryCp(file, join(work, 'x'))).toMatchObject({ code: 2 })
    expect(await tryCp('box:/a', 'box:/b')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('pipe') as string,
    })
    expect(await tryCp('none:/a', work)).toMatchObject({ code: 3 })
    await inBox('ln', '-s', 'new', `${there}/link`)
    await cp(`box:${there}/link`, join(work, 'link'))
    await cp(`box:${there}/link`, join(work, 'followed'), '-L')
    expect(readTree(work, { times: false }).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'file 640',
      'followed 640',
      'link ->',
    ])
    await symlink('file', join(work, 'up'))
    await cp(join(work, 'up'), `box:${there}/`)
    expect(await inBox('readlink', `${there}/up`)).toBe('file\n')
  })

  it('is never written through a link that is there', async () => {
    await writeFile(join(work, 'canary'), 'canary')
    await symlink('canary', join(work, 'target'))
    await inBox('sh', '-c', `echo new >${there}/file`)
    await cp(`box:${there}/file`, join(work, 'target'))
    expect(await readFile(join(work, 'canary'), 'utf8')).toBe('canary')
    expect(await readFile(join(work, 'target'), 'utf8')).toBe('new\n')
  })

  it('of a size goes in and out with flat memory on every tier', { timeout: longMs }, async () => {
    const file = join(work, 'big')
    await makeFile(file, bigBytes)
    const sha256 = await hashOf(file)
    const pids = [system.api.pid, system.agent.pid]
    const before = pids.map((pid) => peakKib(pid))
    const up = await cpWatched(file, `box:${there}/big`)
    expect(up.result).toMatchObject({ bytes: bigBytes, sha256, resumed_bytes: 0 })
    const down = await cpWatched(`box:${there}/big`, join(work, 'back'))
    expect(down.result).toMatchObject({ bytes: bigBytes, sha256 })
    expect(await hashOf(join(work, 'back'))).toBe(sha256)
    const grown = pids.map((pid, n) => peakKib(pid) - (before[n] ?? 0))
    const guests = await inBox(
      'sh',
      '-c',
      `grep -lx gpulab-guest /proc/[0-9]*/comm | sed s/comm$/status/ | xargs grep -h VmHWM | tr -dc '0-9\\n'`,
    )
    const guest = Math.max(...guests.trim().split('\n').map(Number))
    const peaks = { api: grown[0], agent: grown[1], guest, up: up.peak, down: down.peak }
    process.stderr.write(`KiB at most: ${JSON.stringify(peaks)}\n`)
    expect(Math.max(...grown), JSON.stringify(peaks)).toBeLessThan(160 << 10)
    expect(Math.max(up.peak, down.peak), JSON.stringify(peaks)).toBeLessThan(300 << 10)
    expect(guest).toBeGreaterThan(0)
    expect(guest).toBeLessThan(40 << 10)
    await inBox('rm', `${there}/big`)
  })
})

/** With the most memory that the CLI has had, in KiB. */
async function cpWatched(...args: string[]): Promise<{ result: Result; peak: number }> {
  const { child, ended, stdout, stderr } = spawnCli(system, ['cp', '--json', ...args])
  let peak = 0
  const timer = setInterval(() => {
    try {
      // Of one that is ending it is no number.
      peak = Math.max(peak, peakKib(child.pid ?? 0) || 0)
    } catch {
      // It has ended.
    }
  }, 100)
  const code = await ended
  clearInterval(timer)
  expect(code, stderr()).toBe(0)
  return { result: JSON.parse(stdout().toString()) as Result, peak }
}

const partThere = async (): Promise<number> =>
  Number((await inBox('sh', '-c', `cat ${there}/.gpulab-part-* 2>/dev/null | wc -c`)).trim())
const partHere = async (): Promise<number> => {
  const parts = (await readdir(work)).filter((name) => name.startsWith('.gpulab-part-'))
  const sizes = await Promise.all(parts.map(async (name) => (await stat(join(work, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
const mediumBytes = 96 << 20

describe('an interruption', () => {
  let file: string
  let sha256: string
  beforeEach(async () => {
    file = join(work, 'medium')
    await makeFile(file, mediumBytes)
    sha256 = await hashOf(file)
  })

  it('of an upload by kill -9: the same command goes on', async () => {
    const { child, ended } = await startCopy([file, `box:${there}/x`], partThere)
    child.kill('SIGKILL')
    await ended
    expect((await listThere()).filter((name) => !name.startsWith('.gpulab-part-'))).toEqual([])
    const result = await cp(file, `box:${there}/x`)
    expect(result).toMatchObject({ sha256, bytes: mediumBytes })
    expect(result.resumed_bytes).toBeGreaterThan(5 << 20)
    expect(await listThere()).toEqual(['x'])
    expect(await inBox('sha256sum', `${there}/x`)).toContain(sha256)
  })

  it('of a download by kill -9: the same command goes on', async () => {
    await cp(file, `box:${there}/x`)
    const { child, ended } = await startCopy([`box:${there}/x`, join(work, 'y')], partHere)
    child.kill('SIGKILL')
    await ended
    const result = await cp(`box:${there}/x`, join(work, 'y'))
    expect(result).toMatchObject({ sha256 })
    expect(result.resumed_bytes).toBeGreaterThan(5 << 20)
    expect(await readdir(work)).toEqual(['medium', 'y'])
    expect(await hashOf(join(work, 'y'))).toBe(sha256)
  })

  it('and another source: it begins anew, and nothing is left', async () => {
    const { child, ended } = await startCopy([file, `box:${there}/x`], partThere)
    child.kill('SIGKILL')
    await ended
    await appendFile(file, 'more')
    expect(await cp(file, `box:${there}/x`)).toMatchObject({ resumed_bytes: 0, sha256: await hashOf(file) })
    expect(await listThere()).toEqual(['x'])
  })

  it('and a part that somebody has changed: it begins anew', async () => {
    const { child, ended } = await startCopy([file, `box:${there}/x`], partThere)
    child.kill('SIGKILL')
    await ended
    await inBox('sh', '-c', `printf changed | dd of=$(echo ${there}/.gpulab-part-*) conv=notrunc`)
    expect(await cp(file, `box:${there}/x`)).toMatchObject({ sha256 })
    expect(await listThere()).toEqual(['x'])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('by %s leaves nothing under the name', async (signal) => {
    const codes = { SIGINT: 130, SIGTERM: 143 }
    const upload = await startCopy([file, `box:${there}/x`], partThere)
    upload.child.kill(signal)
    expect(await upload.ended).toBe(codes[signal])
    expect((await listThere()).filter((name) => !name.startsWith('.gpulab-part-'))).toEqual([])
    await cp(file, `box:${there}/x`)
    const download = await startCopy([`box:${there}/x`, join(work, 'y')], partHere)
    download.child.kill(signal)
    expect(await download.ended).toBe(codes[signal])
    expect((await readdir(work)).filter((name) => !name.startsWith('.gpulab-part-'))).toEqual(['medium'])
    const programs = await inBox('sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')
    expect(programs).toContain('sleep')
    expect(programs).not.toContain(`gpulab-guest send follow ${there}/`)
  })

  it('of a tree leaves nothing at all', async () => {
    const { child, ended } = await startCopy([work, `box:${there}/tree`], async () => {
      const size = await inBox('sh', '-c', `du -sb ${there} | cut -f1`)
      return Number(size)
    })
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(await listThere()).toEqual([])
    const killed = await startCopy([work, `box:${there}/tree`], async () =>
      Number(await inBox('sh', '-c', `du -sb ${there} | cut -f1`)),
    )
    killed.child.kill('SIGKILL')
    await killed.ended
    await cp(work, `box:${there}/tree`)
    expect(await listThere()).toEqual(['tree'])
  })

  it('by another copy of the same is refused', async () => {
    const { ended, goOn } = await startCopy([file, `box:${there}/x`], partThere)
    const second = await tryCp(file, `box:${there}/x`)
    expect(second).toMatchObject({ code: 5, stderr: expect.stringContaining('Another copy') as string })
    goOn()
    expect(await ended).toBe(0)
    expect(await inBox('sha256sum', `${there}/x`)).toContain(sha256)
  })

  it('of its connections, again and again, loses nothing', async () => {
    await using proxy = await startTcpProxy({ target: { port: Number(new URL(system.apiUrl).port) } })
    const env = { GPULAB_API_URL: `http://127.0.0.1:${proxy.port}` }
    proxy.set({ kind: 'cut-after', bytes: 8 << 20, direction: 'to-server' })
    const up = await system.gpulab(['cp', file, `box:${there}/x`, '--json'], { env })
    expect(up).toMatchObject({ code: 0 })
    proxy.set({ kind: 'cut-after', bytes: 8 << 20, direction: 'to-client' })
    const down = await system.gpulab(['cp', `box:${there}/x`, join(work, 'y'), '--json'], { env })
    expect(down).toMatchObject({ code: 0 })
    expect([JSON.parse(up.stdout).sha256, JSON.parse(down.stdout).sha256]).toEqual([sha256, sha256])
    expect(await hashOf(join(work, 'y'))).toBe(sha256)
  })

  it.each(['agent', 'API'])('of the %s, killed and started again, loses nothing', async (victim) => {
    const interrupt = async (): Promise<void> => {
      await (victim === 'API' ? system.api : system.agent).stop('SIGKILL')
      await (victim === 'API' ? system.startApi() : system.startAgent())
    }
    const { ended, stderr, goOn } = await startCopy([file, `box:${there}/x`], partThere)
    await interrupt()
    goOn()
    expect(await ended, stderr()).toBe(0)
    expect(await inBox('sha256sum', `${there}/x`)).toContain(sha256)
    const back = await startCopy([`box:${there}/x`, join(work, 'y')], partHere)
    await interrupt()
    back.goOn()
    expect(await back.ended, back.stderr()).toBe(0)
    expect(await hashOf(join(work, 'y'))).toBe(sha256)
  })

  it('of a download by a source that changes is an error', async () => {
    await cp(file, `box:${there}/x`)
    const { ended, stderr, goOn } = await startCopy([`box:${there}/x`, join(work, 'y')], partHere)
    await inBox('sh', '-c', `echo more >>${there}/x`)
    goOn()
    expect([await ended, stderr()]).toEqual([5, expect.stringContaining('written to')])
    expect(await readdir(work)).toEqual(['medium'])
  })
})
