import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { GuestConnection } from '../guest-connection.ts'
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

async function measureOutput(connection: GuestConnection, mebibytes: number) {
  const start = performance.now()
  const argv = ['head', '-c', String(mebibytes << 20), '/dev/zero']
  const stream = await connection.run({ id: randomUUID(), argv, lossless: true })
  let bytes = 0
  for await (const item of stream.output()) if (item.kind === 'stdout') bytes += item.bytes.length
  return Math.round(bytes / (1 << 20) / ((performance.now() - start) / 1000))
}

async function measureInput(connection: GuestConnection, mebibytes: number) {
  const start = performance.now()
  const argv = ['sh', '-c', 'cat >/dev/null']
  const stream = await connection.run({ id: randomUUID(), argv, lossless: true, input: true })
  const chunk = Buffer.alloc(256 << 10)
  for (let sent = 0; sent < mebibytes << 20; sent += chunk.length) await stream.write(chunk)
  await stream.endInput()
  await stream.ended
  return Math.round(mebibytes / ((performance.now() - start) / 1000))
}

async function readMemory(pid: number) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return status
    .match(/Rss(?:Anon|File).*|VmRSS.*/g)
    ?.join(', ')
    .replaceAll(/\s+/g, ' ')
}

await using guest = await startTestGuest()
const connection = await guest.connect()
console.log('idle memory:', await readMemory(guest.pid))
await measureLatency(connection, 200)
console.log('true, one at a time:', await measureLatency(connection, 2000))
console.log('true, 8 in parallel:', await measureRate(connection, 8, 5000), 'a second')
for (let round = 0; round < 3; round++) {
  console.log('stdout:', await measureOutput(connection, 1024), 'MiB/s')
  console.log('stdin:', await measureInput(connection, 1024), 'MiB/s')
}
console.log('memory afterwards:', await readMemory(guest.pid))
