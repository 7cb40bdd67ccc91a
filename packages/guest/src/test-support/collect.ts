import { randomUUID } from 'node:crypto'
import type { GuestConnection } from '../guest-connection.ts'
import type { GuestStream } from '../guest-stream.ts'
import type { Ending } from '../payloads.ts'
import type { RunRequest } from '../protocol.ts'

/** Everything that came out of a session. */
export interface Collected {
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly lostBytes: number
  readonly ending: Ending
}

/** Reads a stream to its end. */
export async function collect(stream: GuestStream): Promise<Collected> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  let lostBytes = 0
  for await (const item of stream.output()) {
    if (item.kind === 'gap') lostBytes += item.lostBytes
    else chunks[item.kind].push(Buffer.from(item.bytes))
  }
  const [stdout, stderr] = [Buffer.concat(chunks.stdout), Buffer.concat(chunks.stderr)]
  return { stdout, stderr, lostBytes, ending: await stream.ended }
}

/** Starts a program that is a shell script. */
export const runShell = (connection: GuestConnection, script: string, options: Partial<RunRequest> = {}) =>
  connection.run({ id: randomUUID(), argv: ['sh', '-c', script], lossless: true, ...options })

/** Runs a shell script to its end. */
export async function shell(connection: GuestConnection, script: string, options: Partial<RunRequest> = {}) {
  return collect(await runShell(connection, script, options))
}

/** An ending that is unremarkable but for what is given. */
export const endingOf = (part: Partial<Ending>): Ending => ({
  exitCode: 0,
  signal: null,
  timedOut: false,
  killed: false,
  survivors: false,
  failure: null,
  ...part,
})
