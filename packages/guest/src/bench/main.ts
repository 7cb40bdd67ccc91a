import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { GuestConnection } from '../guest-connection.ts'
import { readMemory } from '../test-support/processes.ts'
import { startTestGuest } from '../test-support/test-guest.ts'

const runTrue = async (connection: GuestConnection): Promise<void> => {
  const id = randomUUID()
  const stream = await connection.run({ id, argv: ['true'], lossless: true })
  await stream.ended
  await connection.forget(id)
}

async function measureLatency(connection: GuestConnection, rounds: number) {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    await runTrue(connection)
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(2)
  return `p50 ${at(0.5)} p95 ${at(0.95)} p99 ${at(0.99)} ms`
}

async function measureRate(connection: GuestConnection, parallel: number, rounds: number) {
  const start = performance.now()
  let left = rounds
  const worker = async (): Promise<void> => {
    while (left-- > 0) await runTrue(connection)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return Math.round((rounds / (performance.now() - start)) * 1000)
}

const dd = (mebibytes: number) =>
  ['dd', 'if=/dev/zero', 'bs=1M', `count=${mebibytes}`, 'status=none'] as const
const perSecond = (mebibytes: number, start: number) =>
  Math.round(mebibytes / ((performance.now() - start) / 1000))

async function measureOutput(connection: GuestConnection, mebibytes: number) {
  const start = performance.now()
  const stream = await connection.run({ id: randomUUID(), argv: dd(mebibytes), lossless: true })
  let bytes = 0
  for await (const item of stream.output()) if (item.kind === 'stdout') bytes += item.bytes.length
  return perSecond(bytes / (1 << 20), start)
}

async function measureInput(connection: GuestConnection, mebibytes: number) {
  const start = performance.now()
  const argv = ['sh', '-c', 'cat >/dev/null']
  const stream = await connection.run({ id: randomUUID(), argv, lossless: true, input: true })
  const chunk = Buffer.alloc(256 << 10)
  for (let sent = 0; sent < mebibytes << 20; sent += chunk.length) await stream.write(chunk)
  await stream.endInput()
  await stream.ended
  return perSecond(mebibytes, start)
}

/** What the same costs where this process starts the program itself. */
async function measureFloor(mebibytes: number) {
  const start = performance.now()
  for (let round = 0; round < 100; round++) await once(spawn('true'), 'close')
  const each = ((performance.now() - start) / 100).toFixed(2)
  const [command, ...args] = dd(mebibytes)
  const since = performance.now()
  let bytes = 0
  for await (const chunk of spawn(command, args).stdout) bytes += (chunk as Buffer).length
  return `true ${each} ms, stdout ${perSecond(bytes / (1 << 20), since)} MiB/s`
}

await using guest = await startTestGuest()
const connection = await guest.connect()
console.log('idle memory:', await readMemory(guest.pid))
await measureLatency(connection, 200)
console.log('true, one at a time:', await measureLatency(connection, 2000))
console.log('true, 8 in parallel:', await measureRate(connection, 8, 5000), 'a second')
for (let round = 0; round < 3; round++) {
  console.log('plain spawn:', await measureFloor(1024))
  console.log('stdout:', await measureOutput(connection, 1024), 'MiB/s')
  console.log('stdin:', await measureInput(connection, 1024), 'MiB/s')
}
console.log('memory afterwards:', await readMemory(guest.pid))
