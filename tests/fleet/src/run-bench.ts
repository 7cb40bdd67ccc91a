import { availableParallelism, totalmem } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { type Audit, auditDatabase } from './audit.ts'
import { followDeployments, type Deployments } from './deployments.ts'
import { type Drivers, startDrivers } from './driver/driver.ts'
import type { FleetOptions } from './options.ts'
import { forEachInParallel, timeUntil } from './parallel.ts'
import { describeStatements } from './statements.ts'
import type { Quantiles } from './quantile.ts'
import { startReaders } from './readers.ts'
import { startSystem, type System, type SystemOptions } from './system.ts'
import { type Load, measureLoad } from './usage.ts'
import { type Deployment, listWorkload, toCpuDeployment } from './workload.ts'

type Loads = Record<string, Load>
type Reads = Awaited<ReturnType<ReturnType<typeof startReaders>['stop']>>

interface DeployFigures {
  readonly deployed: number
  readonly seconds: number
  readonly perSecond: number
  readonly refusals: Record<string, number>
  readonly answers: Quantiles
  /** Until the event that tells that the container runs. */
  readonly deploys: Quantiles
  readonly reads: Reads
  readonly load: Loads
}

export interface FleetFigures {
  readonly machine: { cores: number; memoryBytes: number }
  readonly options: FleetOptions
  readonly register: { readySeconds: number; load: Loads }
  readonly fill: DeployFigures
  readonly paced: DeployFigures
  readonly steady: { seconds: number; callsPerSecond: Record<string, number>; reads: Reads; load: Loads }
  readonly churn: DeployFigures
  readonly restart: {
    downSeconds: number
    answersSeconds: number
    heardSeconds: number
    uplinksSeconds: number
    load: Loads
  }
  readonly audit: Audit
  readonly failures: Record<string, number>
}

interface Bench {
  readonly options: FleetOptions
  readonly system: System
  readonly drivers: Drivers
  readonly deployments: Deployments
  /** Processes by name. */
  programs(): Record<string, number[]>
}

const settleMs = 120_000
/** Longest time that the API is away: until then agents wait longer and longer between their attempts. */
const downSecondsMax = 5
const pacedPerSecond = 50
const invitingClients = 8

/** All phases, in order, on a system of its own. `tell` gets a line as each phase begins. */
export async function runFleetBench(
  options: FleetOptions,
  place: Omit<SystemOptions, 'apiFlags' | 'profile'>,
  tell: (line: string) => void,
): Promise<FleetFigures> {
  tell('starting PostgreSQL and the API')
  await using system = await startSystem({ ...place, apiFlags: options.apiFlags, profile: options.profile })
  await using drivers = startDrivers(options.drivers)
  await using deployments = followDeployments(system.client)
  const programs = (): Record<string, number[]> => ({
    api: [system.apiPid()],
    ...(system.postgresPid !== undefined && { postgres: [system.postgresPid] }),
    agents: [...drivers.pids],
    clients: [process.pid],
  })
  const bench: Bench = { options, system, drivers, deployments, programs }

  tell(`${options.hosts} hosts register at once`)
  const register = await registerHosts(bench)
  tell(`registered in ${register.readySeconds.toFixed(1)} s; filling with ${options.containers} containers`)
  const fill = await fillFleet(bench)
  tell(`${fill.perSecond.toFixed(0)} placements/s; ${pacedPerSecond}/s for some seconds`)
  const paced = await deployPaced(bench)
  tell(`steady for ${options.seconds} s`)
  const steady = await restSteady(bench)
  tell(`deploy and rm for ${options.seconds} s`)
  const churn = await churnFleet(bench)
  tell('killing the API')
  const restart = await restartApi(bench)
  if (options.profile) tell(await describeStatements(system.sql))
  tell('auditing')
  const { doubleUses, failures, running } = await drivers.state()
  return {
    machine: { cores: availableParallelism(), memoryBytes: totalmem() },
    options,
    register,
    fill,
    paced,
    steady,
    churn,
    restart,
    audit: await auditDatabase(system.sql, { doubleUses, running }),
    failures,
  }
}

async function registerHosts({
  options,
  system,
  drivers,
  programs,
}: Bench): Promise<FleetFigures['register']> {
  const joinTokens = await inviteHosts(system, options.hosts)
  const { result, load } = await measureLoad(programs(), async () => {
    await drivers.start({
      hosts: options.hosts,
      apiUrl: system.apiUrl,
      joinTokens,
      uplinks: options.uplinks,
    })
    return await timeUntil(async () => (await countReady(system)) >= options.hosts, {
      timeoutMs: settleMs,
      what: `${options.hosts} hosts are ready`,
    })
  })
  return { readySeconds: result / 1000, load }
}

/** A token for each host, as `gpulab hosts add` makes them. */
async function inviteHosts({ client }: System, count: number): Promise<string[]> {
  const tokens: string[] = []
  await forEachInParallel(Array.from({ length: count }).values(), invitingClients, async () => {
    tokens.push((await client.hosts.invite({ body: {} })).token)
  })
  return tokens
}

/** Hosts that containers can be placed on. */
async function countReady({ sql }: System): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int from hosts
    where engine_available and report_seq > 0 and last_seen_at > now() - interval '45 s'`
  return row?.count ?? 0
}

/** Deploys while users read, and waits until all that was deployed runs. */
async function measureDeploys(
  { system, deployments, programs }: Bench,
  deployAll: () => Promise<void>,
): Promise<DeployFigures> {
  deployments.take()
  const readers = startReaders(system.client)
  const { seconds, load } = await measureLoad(programs(), deployAll)
  const reads = await readers.stop()
  await timeUntil(async () => deployments.waiting() === 0, { timeoutMs: settleMs, what: 'everything runs' })
  const { answers, deploys, refusals } = deployments.take()
  const deployed = answers.count
  return { deployed, seconds, perSecond: deployed / seconds, refusals, answers, deploys, reads, load }
}

const fillFleet = (bench: Bench): Promise<DeployFigures> =>
  measureDeploys(bench, async () => {
    const { options, deployments } = bench
    await forEachInParallel(listWorkload(options), options.clients, async (deployment) => {
      await deployments.deploy(deployment)
    })
  })

/** What a deploy takes when the system is not at its limit. */
const deployPaced = (bench: Bench): Promise<DeployFigures> =>
  measureDeploys(bench, async () => {
    const count = pacedPerSecond * Math.min(bench.options.seconds, 10)
    const pending: Promise<unknown>[] = []
    for (let n = 0; n < count; n++) {
      pending.push(bench.deployments.deploy(toCpuDeployment(`paced-${n}`, n)))
      await wait(1000 / pacedPerSecond)
    }
    await Promise.all(pending)
  })

async function restSteady({ options, system, drivers, programs }: Bench): Promise<FleetFigures['steady']> {
  const before = await drivers.state()
  const { seconds, load } = await measureLoad(programs(), () => wait(options.seconds * 1000))
  const after = await drivers.state()
  const readers = startReaders(system.client)
  await wait(Math.min(options.seconds, 5) * 1000)
  const callsPerSecond = Object.fromEntries(
    Object.entries(after.calls).map(([name, count]) => [name, (count - (before.calls[name] ?? 0)) / seconds]),
  )
  return { seconds, callsPerSecond, reads: await readers.stop(), load }
}

/** Each client deploys a container, sees it run and removes it, again and again. */
const churnFleet = (bench: Bench): Promise<DeployFigures> =>
  measureDeploys(bench, async () => {
    const { options, deployments, system } = bench
    const deadline = performance.now() + options.seconds * 1000
    const cycle = async (deployment: Deployment): Promise<void> => {
      const deployed = await deployments.deploy(deployment)
      if (!deployed) return
      await deployed.running
      await system.client.containers.remove({ params: { uuid: deployed.uuid } })
    }
    await forEachInParallel(listChurn(), options.clients, cycle, deadline)
  })

function* listChurn(): Generator<Deployment> {
  for (let n = 0; ; n++) yield toCpuDeployment(`churn-${n}`, n)
}

async function restartApi({ options, system, drivers, programs }: Bench): Promise<FleetFigures['restart']> {
  await system.killApi()
  const downSeconds = Math.min(options.seconds, downSecondsMax)
  await wait(downSeconds * 1000)
  const since = performance.now()
  const restartedAt = new Date()
  const secondsSince = (): number => (performance.now() - since) / 1000
  await system.startApi()
  const answersSeconds = secondsSince()
  const timeOf = async (what: string, count: () => Promise<number>): Promise<number> => {
    await timeUntil(async () => (await count()) >= options.hosts, { timeoutMs: settleMs, what })
    return secondsSince()
  }
  const { result, load } = await measureLoad(programs(), () =>
    Promise.all([
      timeOf('all hosts are heard of again', () => countHeard(system, restartedAt)),
      options.uplinks ? timeOf('all uplinks are back', async () => (await drivers.state()).uplinks) : 0,
    ]),
  )
  const [heardSeconds, uplinksSeconds] = result
  return { downSeconds, answersSeconds, heardSeconds, uplinksSeconds, load }
}

async function countHeard({ sql }: System, since: Date): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int from hosts where last_seen_at > ${since}`
  return row?.count ?? 0
}
