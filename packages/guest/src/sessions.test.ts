import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect, endingOf, runShell, shell } from './test-support/collect.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection
let folder: string

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
  folder = await mkdtemp(join(tmpdir(), 'gpulab-sessions-'))
}, 120_000)
afterAll(async () => {
  await guest[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const run = async (argv: readonly (string | Buffer)[], options = {}) =>
  collect(await connection.run({ id: randomUUID(), argv, lossless: true, ...options }))

describe('a program', () => {
  test('gives stdout, stderr and its exit code apart', async () => {
    const { stdout, stderr, ending } = await shell(connection, 'echo out; echo err >&2; exit 7')
    expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n'])
    expect(ending).toEqual(endingOf({ exitCode: 7 }))
  })

  test('keeps the order in which it wrote to both', async () => {
    const stream = await runShell(
      connection,
      'for i in 1 2 3; do echo o$i; sleep 0.05; echo e$i >&2; sleep 0.05; done',
    )
    let text = ''
    for await (const item of stream.output()) if (item.kind !== 'gap') text += item.bytes.toString()
    expect(text).toBe('o1\ne1\no2\ne2\no3\ne3\n')
  })

  test.each([
    ['quotes', '\'"`$(x) \\ \n\t*'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x80, 0x0a, 0x01])],
    ['nothing', ''],
    ['much', 'x'.repeat(130_000)],
  ])('gets arguments of %s byte for byte', async (_what, argument) => {
    const { stdout } = await run(['sh', '-c', 'printf %s "$1"', 'sh', argument])
    expect(stdout.equals(Buffer.from(argument as string))).toBe(true)
  })

  test('gets 200 KiB of arguments', async () => {
    const argv = ['sh', '-c', 'echo $#', 'sh', ...Array.from({ length: 2000 }, () => 'y'.repeat(100))]
    expect((await run(argv)).stdout.toString()).toBe('2000\n')
  })

  test("gets the guest's environment with the changes that were asked for", async () => {
    const env = ['GPULAB_A=1 2', 'GPULAB_EMPTY=', 'HOME']
    const { stdout } = await shell(
      connection,
      'echo "$GPULAB_A,${GPULAB_EMPTY-unset},${HOME-unset},${PATH:+set}"',
      {
        env,
      },
    )
    expect(stdout.toString()).toBe('1 2,,unset,set\n')
  })

  test('runs in the folder that was asked for', async () => {
    expect((await shell(connection, 'pwd', { cwd: folder })).stdout.toString()).toBe(`${folder}\n`)
  })

  test('leads a session of its own and inherits nothing but its streams', async () => {
    const { stdout } = await shell(connection, 'ls /proc/self/fd; ps -o sid= -p $$ | tr -d " "; echo $$')
    const [first, second, third, own, sid, pid] = stdout.toString().split('\n')
    // The fourth is ls's own, of the folder that it reads.
    expect([first, second, third, own]).toEqual(['0', '1', '2', '3'])
    expect(sid).toBe(pid)
  })

  test('starts with the signals that programs expect', async () => {
    const { stdout } = await shell(connection, 'grep -E "Sig(Blk|Ign)" /proc/self/status')
    expect(stdout.toString()).toMatch(/SigBlk:\s0+\nSigIgn:\s0+\n/)
  })

  test.each([
    ['is not there', ['gpulab-no-such-program'], 127, 'ENOENT'],
    ['is not there by its path', ['/no/such/program'], 127, 'ENOENT'],
    ['may not be executed', ['/etc/passwd'], 126, 'EACCES'],
    ['is a folder', ['/etc'], 126, 'EACCES'],
    ['gets an argument that is too long', ['true', 'x'.repeat(200_000)], 126, 'E2BIG'],
  ])('that %s fails as shells say it', async (_what, argv, exitCode, code) => {
    const { ending } = await run(argv)
    expect(ending).toEqual(endingOf({ exitCode, failure: { what: 'exec', code } }))
  })

  test('is not run where its folder is missing', async () => {
    const { ending } = await run(['true'], { cwd: '/no/such/folder' })
    expect(ending).toEqual(endingOf({ exitCode: 126, failure: { what: 'cwd', code: 'ENOENT' } }))
  })

  test('is not run with arguments that no program can get', async () => {
    await expect(run(['true', 'a\0b'])).rejects.toThrow(/NUL/)
    await expect(run(['true', 'x'.repeat(3 << 20)])).rejects.toThrow(/bytes/)
    await expect(run([])).rejects.toThrow(expect.objectContaining({ code: 'EINVAL' }))
  })

  test('is not started twice under one id', async () => {
    const id = randomUUID()
    await shell(connection, 'true', { id })
    await expect(runShell(connection, 'true', { id })).rejects.toThrow(
      expect.objectContaining({ code: 'EEXIST' }),
    )
  })
})

describe('output and input', () => {
  test('200 MB come out exactly', { timeout: 60_000 }, async () => {
    const file = join(folder, 'out')
    const content = randomBytes(1 << 20)
    await writeFile(
      file,
      Buffer.concat(Array.from({ length: 200 }, (_, i) => Buffer.from(content).fill(i, 0, 8))),
    )
    const hash = createHash('sha256')
    const stream = await runShell(connection, 'exec cat "$FILE"', { env: [`FILE=${file}`] })
    for await (const item of stream.output()) if (item.kind === 'stdout') hash.update(item.bytes)
    const { stdout } = await shell(connection, 'sha256sum <"$FILE"', { env: [`FILE=${file}`] })
    expect(stdout.toString()).toContain(hash.digest('hex'))
  })

  test('200 MB go in exactly, with a true end of file', { timeout: 60_000 }, async () => {
    const hash = createHash('sha256')
    const stream = await runShell(connection, 'sha256sum; cat', { input: true })
    const all = collect(stream)
    for (let i = 0; i < 200; i++) {
      const chunk = randomBytes(1 << 20)
      hash.update(chunk)
      await stream.write(chunk)
    }
    await stream.endInput()
    expect((await all).stdout.toString()).toContain(hash.digest('hex'))
  })

  test('bytes go through both ways at once', { timeout: 60_000 }, async () => {
    const content = randomBytes(20 << 20)
    const stream = await runShell(connection, 'exec cat', { input: true })
    const all = collect(stream)
    await stream.write(content)
    await stream.endInput()
    expect((await all).stdout.equals(content)).toBe(true)
  })

  test('input that was not asked for is at its end', async () => {
    expect((await shell(connection, 'cat; echo over')).stdout.toString()).toBe('over\n')
  })

  test('writing to a program that reads no more fails, and harms nothing', async () => {
    const stream = await runShell(connection, 'exec <&-; echo closed; sleep 2', { input: true })
    const all = collect(stream)
    const flood = (async () => {
      for (;;) await stream.write(Buffer.alloc(1 << 16))
    })()
    await expect(flood).rejects.toThrow(expect.objectContaining({ code: 'EPIPE' }))
    expect((await all).stdout.toString()).toBe('closed\n')
  })

  test('writing to a program that does not read waits', async () => {
    const id = randomUUID()
    const stream = await runShell(connection, 'sleep 100', { id, input: true })
    const written = stream.write(Buffer.alloc(8 << 20)).then(
      () => 'written',
      (error: { code: string }) => error.code,
    )
    expect(await Promise.race([written, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))])).toBe(
      'waits',
    )
    await connection.kill(id)
    expect(await written).toBe('EPIPE')
  })
})

describe('the end', () => {
  test('by a signal is told', async () => {
    const { ending } = await shell(connection, 'kill -SEGV $$')
    expect(ending).toEqual(endingOf({ exitCode: 139, signal: 'SIGSEGV' }))
  })

  test('signals reach the program and its group', async () => {
    const id = randomUUID()
    // Whoever says that it is ready is there to be hit.
    const script = 'trap "echo hup" HUP; (echo ready; exec sleep 100); echo slept'
    const stream = await runShell(connection, script, { id })
    const all = collect(stream)
    await eventually(async () => {
      const [row] = (await connection.list()).filter((row) => row.id === id)
      expect(row?.endOffset).toBe(6)
    })
    await connection.signal(id, 'SIGHUP')
    expect((await all).stdout.toString()).toBe('ready\nhup\nslept\n')
    await expect(connection.signal(id, 'SIGHUP')).rejects.toThrow(expect.objectContaining({ code: 'ESRCH' }))
  })

  test('does not wait for what stays in the background, and leaves it alone', async () => {
    const id = randomUUID()
    const file = join(folder, 'background')
    const script = `(until [ -e "$FILE.go" ]; do sleep 0.1; done; echo heard; echo done >"$FILE") & echo started`
    const { stdout, ending } = await shell(connection, script, { id, env: [`FILE=${file}`] })
    expect([stdout.toString(), ending.exitCode]).toEqual(['started\n', 0])
    expect((await connection.list()).find((row) => row.id === id)?.background).toBe(true)
    await writeFile(`${file}.go`, '')
    // Its words are heard by nobody, but neither do they block or kill it.
    await eventually(async () => expect(await readFile(file, 'utf8')).toBe('done\n'))
    await eventually(async () => {
      expect((await connection.list()).find((row) => row.id === id)?.background).toBe(false)
    })
  })

  test('waits a moment for output on its way', async () => {
    const late = 'while kill -0 $$ 2>/dev/null; do :; done; echo late'
    const { stdout } = await shell(connection, `(${late}) & echo early`)
    expect(stdout.toString()).toBe('early\nlate\n')
  })

  test('comes after a time-out, with the output so far', async () => {
    const { stdout, ending } = await shell(connection, 'echo so far; sleep 100', { timeoutMs: 1500 })
    expect(stdout.toString()).toBe('so far\n')
    expect(ending).toEqual(endingOf({ exitCode: 137, signal: 'SIGKILL', timedOut: true }))
  })

  test('can be awaited by others than the reader', async () => {
    const id = randomUUID()
    const stream = await runShell(connection, 'sleep 0.2; yes; exit 3', { id, timeoutMs: 600 })
    // Nobody reads, so the program is blocked; the time-out ends it all the same.
    expect((await connection.waitForExit(id)).timedOut).toBe(true)
    expect((await connection.waitForExit(id)).timedOut).toBe(true)
    await stream.detach()
    await expect(connection.waitForExit(randomUUID())).rejects.toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
  })

  test('is kept until it is forgotten', async () => {
    const id = randomUUID()
    const stream = await runShell(connection, 'exec sleep 100', { id })
    await expect(connection.forget(id)).rejects.toThrow(expect.objectContaining({ code: 'EBUSY' }))
    await connection.kill(id)
    expect(await stream.ended).toEqual(endingOf({ exitCode: 137, signal: 'SIGKILL', killed: true }))
    const row = (await connection.list()).find((row) => row.id === id)
    expect(row).toMatchObject({ exited: true, ended: true, background: false, ending: { exitCode: 137 } })
    await connection.forget(id)
    expect((await connection.list()).some((row) => row.id === id)).toBe(false)
  })
})
