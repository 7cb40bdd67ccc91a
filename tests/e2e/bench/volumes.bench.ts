import type { Volume } from '@gpulab/contract'
import { run } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'vitest'
import { startSystem, type System } from '../src/start-system.ts'
import { type Comparison, compare, median, timeOf } from './measure.ts'

/** GPULAB_BENCH_VOLUME_MIB=100 makes a short run. */
const bigMib = Number(process.env['GPULAB_BENCH_VOLUME_MIB'] ?? 1024)
const runs = 3
const entries = 10_000
const mib = 2 ** 20

it('files of a volume beside cp', { timeout: 1_800_000 }, async () => {
  await using system = await startSystem()
  const size = `${Math.max(512, 5 * bigMib)}MiB`
  const made = await system.gpulab(['volumes', 'create', '--name', 'bench', '--size', size, '--json'])
  if (made.code !== 0) throw new Error(made.stderr)
  const volume = JSON.parse(made.stdout) as Volume
  const kind = volume.enforced === true ? 'mounts' : 'folders'
  const inside = join(system.dir, 'agent/volumes', kind, volume.uuid, 'data')
  const [big, out] = [join(system.dir, 'big'), join(system.dir, 'out')]
  await writeBig(big)
  await run('cp', [big, join(inside, 'source')])

  const path = (route: string, name: string): string =>
    `/v1/volumes/${volume.uuid}/files${route}?path=${encodeURIComponent(name)}`
  const spent: string[] = []
  /** What each process has spent on it, which a busy machine does not change. */
  const spend = async (name: string, action: () => Promise<void>): Promise<void> => {
    const before = listProcesses(system).map(({ pid }) => cpuMs(pid))
    await action()
    const parts = listProcesses(system).map(
      ({ name: process, pid }, n) => `${process} ${cpuMs(pid) - (before[n] ?? 0)}`,
    )
    spent.push(`${name}: ${parts.join(', ')}`)
  }
  const rows = [
    await compare(`${bigMib} MiB in`, runs, {
      ours: () => timeOf(() => upload(system, path('/content', '/ours'), big)),
      // Ours is on disk when it is answered.
      peer: () =>
        timeOf(() => succeed('dd', [`if=${big}`, `of=${join(inside, 'peer')}`, 'bs=1M', 'conv=fsync'])),
    }),
    await compare(`${bigMib} MiB out`, runs, {
      ours: () => timeOf(() => download(system, path('/content', '/source'), out)),
      peer: () => timeOf(() => succeed('cp', [join(inside, 'source'), `${out}-peer`])),
    }),
  ]
  await spend(`${bigMib} MiB in`, () => upload(system, path('/content', '/ours'), big))
  await spend(`${bigMib} MiB out`, () => download(system, path('/content', '/source'), out))
  const memory = listProcesses(system).map(({ name, pid }) => `${name} ${peakMib(pid)} MiB`)
  await makeEntries(join(inside, 'many'))
  const url = `${system.apiUrl}${path('', '/many')}&limit=${entries}`
  const list = async (): Promise<void> => {
    const answer = await fetch(url, { headers: { 'api-key': system.apiKey } })
    const { items } = (await answer.json()) as { items: unknown[] }
    if (items.length !== entries) throw new Error(`${items.length} entries came`)
  }
  const lists: number[] = []
  for (let n = 0; n <= 10; n++) {
    const ms = await timeOf(list)
    if (n > 0) lists.push(ms)
  }
  await spend(`a list of ${entries}`, list)
  process.stdout.write(`
${rows.map(describe).join('\n')}
list of ${entries} entries: ${median(lists).toFixed(0)} ms (median of ${lists.length}, the answer parsed)
most memory that each has had: ${memory.join(', ')}
ms of CPU of each: ${spent.join('; ')}

MiB/s; cp reads and writes the same file systems in turn with ours, and syncs what it writes to the volume.
`)
  await rm(join(inside, 'many'), { recursive: true, force: true })
})

async function writeBig(file: string): Promise<void> {
  const piece = randomBytes(mib)
  await using handle = await open(file, 'w')
  for (let index = 0; index < bigMib; index++) {
    piece.writeUInt32BE(index)
    await handle.write(piece)
  }
}

async function makeEntries(folder: string): Promise<void> {
  await mkdir(folder)
  for (let index = 0; index < entries; index++) await writeFile(join(folder, `entry-${index}`), '')
}

async function succeed(program: string, args: string[]): Promise<void> {
  const { code, stderr } = await run(program, args)
  if (code !== 0) throw new Error(stderr)
}

/** With curl, as cp is no Node process either. */
const curl = ({ apiUrl, apiKey }: System, path: string, ...args: string[]): Promise<void> =>
  succeed('curl', [
    ...'--silent --show-error --fail --noproxy *'.split(' '),
    '--header',
    `api-key: ${apiKey}`,
    ...args,
    `${apiUrl}${path}`,
  ])

const upload = (system: System, path: string, file: string): Promise<void> =>
  curl(system, path, '--header', 'content-type: application/octet-stream', '--upload-file', file)

const download = (system: System, path: string, file: string): Promise<void> =>
  curl(system, path, '--output', file)

function describe({ name, ours, peer }: Comparison): string {
  const rate = (ms: readonly number[]): string => ((bigMib / median(ms)) * 1000).toFixed(0)
  const ratio = median(ours.map((ms, n) => (peer[n] ?? Number.NaN) / ms))
  return `${name}: ${rate(ours)} beside ${rate(peer)} of cp, ${ratio.toFixed(2)} of it`
}

const peakMib = (pid: number): number => {
  const [, kib] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

/** In ticks of 10 ms, see proc_pid_stat(5). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function listProcesses(system: System): { name: string; pid: number }[] {
  const worker = readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return line.includes('files/worker/main.ts') && line.includes(system.dir)
    } catch {
      return false
    }
  })
  return [
    { name: 'API', pid: system.api.pid },
    { name: 'agent', pid: system.agent.pid },
    { name: "the volume's process", pid: Number(worker) },
  ]
}
