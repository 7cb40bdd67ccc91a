import { randomInt, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect, endingOf, runShell } from './test-support/collect.ts'
import { findProcesses, untilGone, untilThere } from './test-support/processes.ts'
import { isSlow, startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
afterAll(() => guest[Symbol.asyncDispose]())

/** A text for arguments, and a number of seconds. */
const createMark = (): string => `1${String(randomInt(1e9)).padStart(9, '0')}`
/** Children that left their parents, their session and their process group; theirs did again. */
const daemons = `
  daemon() { (setsid sh -c '(setsid sh -c "sleep $0; :" &); sleep $0; :' "$1" >/dev/null 2>&1 </dev/null &); }`
const limitMs = isSlow ? 8000 : 2000

const startDaemons = async (mark: string, timeoutMs = 0) => {
  const id = randomUUID()
  const script = `${daemons}\n daemon ${mark}; daemon ${mark}; sleep ${mark}; :`
  const stream = await runShell(connection, script, { id, timeoutMs })
  await untilThere(mark, 10)
  return { id, stream }
}

describe('a kill', () => {
  test('takes double-forked children in sessions of their own within two seconds', async () => {
    const mark = createMark()
    const { id, stream } = await startDaemons(mark)
    const start = performance.now()
    await connection.kill(id)
    expect(await findProcesses(mark)).toEqual([])
    expect(performance.now() - start).toBeLessThan(limitMs)
    expect(await stream.ended).toEqual(endingOf({ exitCode: 137, signal: 'SIGKILL', killed: true }))
  })

  test("leaves another session's alone", async () => {
    const [one, other] = [createMark(), createMark()]
    const first = await startDaemons(one)
    const second = await startDaemons(other)
    await connection.kill(first.id)
    expect(await findProcesses(one)).toEqual([])
    expect(await findProcesses(other)).toHaveLength(10)
    await connection.kill(second.id)
    expect(await findProcesses(other)).toEqual([])
  })

  test('by time-out takes everything too', async () => {
    const mark = createMark()
    const { stream } = await startDaemons(mark, 5000)
    expect((await stream.ended).timedOut).toBe(true)
    expect(await findProcesses(mark)).toEqual([])
  })

  test('after the end takes what was left in the background', async () => {
    const mark = createMark()
    const id = randomUUID()
    const { ending } = await collect(
      await runShell(connection, `${daemons}\n daemon ${mark}; sleep 0.3`, { id }),
    )
    expect(ending.exitCode).toBe(0)
    await untilThere(mark, 4)
    await connection.kill(id)
    expect(await findProcesses(mark)).toEqual([])
  })

  test.each([
    ['replaces itself again and again', 'while True:\n if os.fork(): os._exit(0)\n os.setsid()'],
    [
      'doubles until it can no more',
      'for _ in range(9): os.fork()\nwhile True:\n if os.fork() == 0: os._exit(0)\n os.wait()',
    ],
    [
      'forks children that live',
      'n = 0\nwhile True:\n if n < 300 and os.fork() == 0: n = 0; time.sleep(0.001); continue\n n += 1; time.sleep(0.0005)',
    ],
  ])('catches a program that %s', { timeout: 30_000 }, async (_what, script) => {
    const mark = createMark()
    const file = join(guest.directory, `${mark}.py`)
    await writeFile(
      file,
      `import os, resource, time\nresource.setrlimit(resource.RLIMIT_NPROC, (2000, 2000))\n${script}\n`,
    )
    const id = randomUUID()
    const stream = await connection.run({ id, argv: ['python3', file] })
    await untilThere(mark, 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const start = performance.now()
    await connection.kill(id)
    expect(performance.now() - start).toBeLessThan(limitMs)
    expect(await findProcesses(mark)).toEqual([])
    await stream.ended.catch(() => undefined)
  })

  test('takes stopped programs, and those that ignore signals', async () => {
    const id = randomUUID()
    const mark = createMark()
    const stream = await runShell(
      connection,
      `trap "" TERM INT HUP; (kill -STOP $$ &) ; sleep 1000; : ${mark}`,
      { id },
    )
    await untilThere(mark, 1)
    await connection.kill(id)
    expect((await stream.ended).killed).toBe(true)
  })

  test('can be asked for twice, and for nothing', async () => {
    const { id } = await startDaemons(createMark())
    const kills = await Promise.allSettled([connection.kill(id), connection.kill(id)])
    expect(kills.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await connection.kill(id)
    await expect(connection.kill(randomUUID())).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })
})

describe('the death', () => {
  test("of a session's supervisor ends the session with a reason", async () => {
    const id = randomUUID()
    const mark = createMark()
    const stream = await runShell(connection, `exec sleep ${mark}`, { id })
    await untilThere(mark, 1)
    const { stdout } = await collect(
      await runShell(
        connection,
        `cut -d' ' -f4 /proc/$0/stat`.replace('$0', String((await findProcesses(mark))[0])),
      ),
    )
    process.kill(Number(stdout), 'SIGKILL')
    expect(await stream.ended).toEqual(
      endingOf({ exitCode: 125, failure: { what: 'supervisor', code: 'ECHILD' } }),
    )
    await untilGone(mark, 2000)
  })

  test('of the guest ends everything that it started', async () => {
    await using other = await startTestGuest()
    const otherConnection = await other.connect()
    const mark = createMark()
    const stream = await runShell(otherConnection, `(setsid sh -c 'sleep ${mark}; :' &); sleep ${mark}; :`)
    await untilThere(mark, 4)
    process.kill(other.pid, 'SIGKILL')
    await expect(stream.ended).rejects.toThrow(expect.objectContaining({ code: 'lost' }))
    await untilGone(mark, 3000)
    await eventually(async () => expect((await otherConnection.closed).code).toBe('lost'))
  })
})
