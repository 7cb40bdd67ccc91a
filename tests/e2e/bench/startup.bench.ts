import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { median, quantile } from './measure.ts'
import { openBench } from './open-bench.ts'

const rounds = 30
const main = join(import.meta.dirname, '../../../apps/cli/dist/main.js')

interface Row {
  readonly name: string
  readonly ours: readonly string[]
  readonly peer: readonly string[]
  /** What it is to be at most, over the peer's. */
  readonly ratioMax: number
}

/** Whole processes, from their start to their end. Ratios are gates: times differ between machines. */
it('startup beside docker and node', { timeout: 600_000 }, async () => {
  await using bench = await openBench()
  const gpulab = bench.system.cli.program
  const env = { ...process.env, ...bench.system.cli.env }
  const rows: Row[] = [
    { name: 'version', ours: [gpulab, 'version'], peer: ['docker', '--version'], ratioMax: 1.7 },
    { name: 'ls', ours: [gpulab, 'ls'], peer: ['docker', 'ps'], ratioMax: 1.4 },
    {
      name: 'exec true',
      ours: [gpulab, 'exec', bench.uuid, '--', 'true'],
      peer: ['docker', 'exec', bench.dockerId, 'true'],
      ratioMax: 0.5,
    },
    {
      name: 'version, plain Node',
      ours: [process.execPath, main, 'version'],
      peer: [process.execPath, '-e', '0'],
      ratioMax: 2.5,
    },
  ]
  const time = (words: readonly string[]): number => {
    const [command = '', ...args] = words
    const since = performance.now()
    const { status, error } = spawnSync(command, args, { env, stdio: 'ignore' })
    if (error || status !== 0) throw new Error(`${words.join(' ')} ended with ${status}`, { cause: error })
    return performance.now() - since
  }
  const floor = Array.from({ length: rounds }, () => time(['true']))
  const results = rows.map((row) => {
    const times = { ours: [] as number[], peer: [] as number[] }
    for (let round = -2; round < rounds; round++) {
      const [peer, ours] = [time(row.peer), time(row.ours)]
      if (round < 0) continue
      times.peer.push(peer)
      times.ours.push(ours)
    }
    // What it takes to start any process from here is no part of either.
    const over = (values: readonly number[]): number => median(values) - quantile(floor, 0.1)
    return {
      ...row,
      peerMs: over(times.peer),
      oursMs: over(times.ours),
      ratio: over(times.ours) / over(times.peer),
    }
  })
  const lines = results.map(
    ({ name, peerMs, oursMs, ratio, ratioMax }) =>
      `${name.padEnd(24)}${[peerMs.toFixed(1), oursMs.toFixed(1), ratio.toFixed(2), ratioMax.toFixed(2)].map((text) => text.padStart(9)).join('')}`,
  )
  process.stdout.write(`
${'ms, whole process'.padEnd(24)}${['peer', 'gpulab', 'ratio', 'at most'].map((text) => text.padStart(9)).join('')}
${lines.join('\n')}

Medians of ${rounds} in turn; a process that does nothing (${quantile(floor, 0.1).toFixed(1)} ms) is taken off.
`)
  const above = results.filter(({ ratio, ratioMax }) => ratio > ratioMax).map(({ name }) => name)
  expect(above, 'above what they are to be at most').toEqual([])
})
