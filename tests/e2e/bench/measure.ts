export interface Comparison {
  readonly name: string
  /** Milliseconds of each run, in pairs. */
  readonly ours: readonly number[]
  readonly peer: readonly number[]
}

export async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

/** Runs both in turn, so that they share the machine's good and bad minutes; the first pair only warms up. */
export async function compare(
  name: string,
  runs: number,
  { ours, peer }: { ours: () => Promise<number>; peer: () => Promise<number> },
): Promise<Comparison> {
  const times = { ours: [] as number[], peer: [] as number[] }
  for (let n = 0; n <= runs; n++) {
    const [first, second] = [await peer(), await ours()]
    if (n === 0) continue
    times.peer.push(first)
    times.ours.push(second)
  }
  return { name, ...times }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The pairs' ratios and differences, since the machine drifts between pairs. */
export function describeComparison({ name, ours, peer }: Comparison): string {
  const pairs = ours.map((time, n) => ({ time, other: peer[n] ?? Number.NaN }))
  const ratio = median(pairs.map(({ time, other }) => time / other))
  const over = median(pairs.map(({ time, other }) => time - other))
  const columns = [
    median(peer),
    quantile(peer, 0.95),
    median(ours),
    quantile(ours, 0.95),
    quantile(ours, 0.99),
    over,
  ].map((ms) => ms.toFixed(1).padStart(9))
  return `${name.padEnd(34)}${columns.join('')}${ratio.toFixed(2).padStart(9)}`
}

export const header = `${'ms'.padEnd(34)}${['docker', 'p95', 'gpulab', 'p95', 'p99', 'over', 'ratio'].map((title) => title.padStart(9)).join('')}`
