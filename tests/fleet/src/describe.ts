import type { Quantiles } from './quantile.ts'
import type { FleetFigures } from './run-bench.ts'
import type { Load } from './usage.ts'

type Row = readonly [string, string]

/** The figures as a table for people. */
export function describeFigures(figures: FleetFigures): string {
  const { register, fill, paced, steady, churn, restart, audit, options, machine, failures } = figures
  const rows: Row[] = [
    [
      'machine',
      `${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, everything on it`,
    ],
    [
      'fleet',
      `${options.hosts} hosts, ${options.hosts * 8} simulated GPUs, ${options.containers} containers, uplinks ${options.uplinks ? 'on' : 'off'}`,
    ],
    ['all hosts ready', seconds(register.readySeconds)],
    ...describeDeploys('fill', fill),
    ...describeDeploys('paced', paced),
    [
      'steady: calls/s',
      Object.entries(steady.callsPerSecond)
        .map(([name, n]) => `${name} ${n.toFixed(1)}`)
        .join('  '),
    ],
    ['steady: CPU of a core', describeLoad(steady.load)],
    ['steady: memory', describeMemory(steady.load)],
    ['steady: list', describeQuantiles(steady.reads.list)],
    ['steady: get', describeQuantiles(steady.reads.get)],
    ...describeDeploys('churn', churn),
    ['restart: API answers', seconds(restart.answersSeconds)],
    ['restart: all hosts heard', seconds(restart.heardSeconds)],
    ['restart: all uplinks', seconds(restart.uplinksSeconds)],
    ...Object.entries(audit).map(([name, value]): Row => [`audit: ${name}`, String(value)]),
    ['failed calls of agents', JSON.stringify(failures)],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => name.padEnd(width) + value).join('\n')
}

const describeDeploys = (name: string, figures: FleetFigures['fill']): Row[] => [
  [
    `${name}: placements/s`,
    `${figures.perSecond.toFixed(0)} (${figures.deployed} in ${seconds(figures.seconds)}, refused ${JSON.stringify(figures.refusals)})`,
  ],
  [`${name}: create`, describeQuantiles(figures.answers)],
  [`${name}: deploy to running`, describeQuantiles(figures.deploys)],
  [`${name}: list meanwhile`, describeQuantiles(figures.reads.list)],
  [`${name}: get meanwhile`, describeQuantiles(figures.reads.get)],
  [`${name}: CPU of a core`, describeLoad(figures.load)],
  [`${name}: CPU for each`, describeCost(figures)],
]

const seconds = (value: number): string => `${value.toFixed(1)} s`
const describeQuantiles = ({ p50, p95, p99, max, count }: Quantiles): string =>
  `p50 ${p50.toFixed(1)}  p95 ${p95.toFixed(1)}  p99 ${p99.toFixed(1)}  max ${max.toFixed(0)} ms  (${count})`
const describeLoad = (load: Record<string, Load>): string =>
  Object.entries(load)
    .map(([name, { cpuPercent }]) => `${name} ${cpuPercent.toFixed(0)} %`)
    .join('  ')
/** Unlike the rates, this hardly depends on what else the machine does. */
const describeCost = ({ load, perSecond }: FleetFigures['fill']): string =>
  Object.entries(load)
    .map(([name, { cpuPercent }]) => `${name} ${((10 * cpuPercent) / perSecond).toFixed(1)} ms`)
    .join('  ')
const describeMemory = (load: Record<string, Load>): string =>
  Object.entries(load)
    .map(([name, { memoryBytes }]) => `${name} ${(memoryBytes / 2 ** 20).toFixed(0)} MiB`)
    .join('  ')
