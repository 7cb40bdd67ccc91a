import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect, runShell, shell } from './test-support/collect.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
afterAll(() => guest[Symbol.asyncDispose]())

describe('a program', () => {
  test('gives stdout, stderr and its exit code apart', async () => {
    const { stdout, stderr, ending } = await shell(connection, 'echo out; echo err >&2; exit 7')
    expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n'])
    expect(ending).toEqual({
      exitCode: 7,
      signal: null,
      timedOut: false,
      killed: false,
      survivors: false,
      failure: null,
    })
  })
})
