import {
  type Client,
  control,
  type DeployLog,
  type Heartbeat,
  type Hello,
  type HostGpu,
  type Report,
  type Target,
} from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../../../../apps/agent/src/backoff.ts'
import { createLimiter } from '../../../../apps/agent/src/bounded.ts'
import type { Clock } from '../../../../apps/agent/src/clock.ts'
import { createExitFailures } from '../../../../apps/agent/src/containers/exit-failures.ts'
import { noGhosts } from '../../../../apps/agent/src/containers/ghosts.ts'
import { noGuards } from '../../../../apps/agent/src/containers/image-access.ts'
import { createImagePuller } from '../../../../apps/agent/src/containers/image-puller.ts'
import type { Engine } from '../../../../apps/agent/src/docker/connect.ts'
import { followEvents } from '../../../../apps/agent/src/docker/events.ts'
import { createEngineHealth } from '../../../../apps/agent/src/engine-health.ts'
import { noGuestFolders } from '../../../../apps/agent/src/guest/folders.ts'
import { createGpuClaims, type GpuClaims } from '../../../../apps/agent/src/gpus/claims.ts'
import { noFirewall } from '../../../../apps/agent/src/network/firewall.ts'
import { createTeamNetworks } from '../../../../apps/agent/src/network/team-networks.ts'
import { createOrphanSweep } from '../../../../apps/agent/src/orphans/sweep.ts'
import { createSignalBox } from '../../../../apps/agent/src/signal-box.ts'
import { noVolumes } from '../../../../apps/agent/src/volumes/volumes.ts'
import { createDeployLog } from '../../../../apps/agent/src/target/deploy-log.ts'
import { keepLooking, look } from '../../../../apps/agent/src/target/keep-looking.ts'
import { pullTargets } from '../../../../apps/agent/src/target/pull.ts'
import { createReconciler } from '../../../../apps/agent/src/target/reconciler.ts'
import { isReplaced } from '../../../../apps/agent/src/target/refusal.ts'
import { createReporter } from '../../../../apps/agent/src/target/report.ts'
import type { Random } from '../random.ts'
import type { Timeline } from '../timeline.ts'
import type { Held, Link } from './link.ts'

/** What the agent's requests come to at the other end. */
export interface Door {
  hello(hello: Hello, session: number): Promise<void>
  report(report: Report): Promise<void>
  heartbeat(heartbeat: Heartbeat): Promise<void>
  target(after: number, signal: AbortSignal | undefined): Promise<Target | Held<Target>>
}

export interface Inventory {
  readonly cpus: number
  readonly memoryBytes: number
  readonly gpus: readonly HostGpu[]
  images(): readonly string[]
}

/** Deliberate ones. */
export interface AgentBugs {
  readonly claims?: ((real: GpuClaims) => GpuClaims) | undefined
  readonly tamper?: ((report: Report) => Report) | undefined
  readonly tamperTarget?: ((target: Target) => Target) | undefined
  readonly removesOrphans?: boolean | undefined
}

export interface AgentOptions extends AgentBugs {
  readonly hostUuid: string
  readonly bootId: string
  /** Counts the agents of the host. */
  readonly session: number
  readonly timeline: Timeline
  readonly random: Random
  readonly link: Link
  readonly door: Door
  readonly inventory: Inventory
  readonly deployTimeoutMs: number
  /** The machine's clock. */
  now(): number
  /** Wherever a fault test could hold it. */
  onPoint(name: string): void
  /** What this agent's calls to the engine go through; it is not to get an answer once it is dead. */
  connect(life: Life): Engine
  /** It has ended by itself: another agent has taken over, or it has a bug. */
  onEnd(reason: 'replaced' | Error): void
  trace(line: string): void
}

/** The process: once it is dead nothing of it goes on, wherever it stood. */
export interface Life {
  readonly isAlive: boolean
}

export interface Agent {
  readonly bootId: string
  /** As kill -9. */
  kill(): void
  /** As SIGTERM: what is under way is finished, and nothing else begun. */
  stop(): Promise<void>
}

const bridgePrefix = 'gl'
/** Shorter than usual, so that its end is seen. */
export const orphanGraceMs = 40_000
const hangForever = new Promise<never>(() => {})

/** The real agent's parts, put together as run-agent.ts does it, with a time, a line and an engine of the simulator's. */
export function startAgent(options: AgentOptions): Agent {
  const { bootId, timeline, random, inventory, trace } = options
  const life = { isAlive: true }
  const gate = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } finally {
      if (!life.isAlive) await hangForever
    }
  }
  const clock: Clock = {
    now: options.now,
    monotonic: () => timeline.now(),
    wait: (ms, signal) => (life.isAlive ? gate(timeline.wait(ms, signal)) : hangForever),
    timeout: (ms) => timeline.timeout(ms),
  }
  const timing = { clock, random: random.next }
  const log = toLog(trace)
  const engine = options.connect(life)
  const client = toControl(options, life, gate)
  const changed = createSignalBox(clock)
  const unknown = createSignalBox(clock)
  const health = createEngineHealth()
  const failPoint = async (name: string): Promise<void> => {
    options.onPoint(name)
    if (!life.isAlive) await hangForever
  }
  const talk = { ...timing, control: client, bootId, log, failPoint, onHelloMissing: unknown.raise }
  const deployLog = createDeployLog(talk)
  const networks = createTeamNetworks(
    { engine, firewall: noFirewall },
    { prefix: bridgePrefix, addressPool: undefined },
  )
  const claims = createGpuClaims({ engine, clock })
  const reconciler = createReconciler({
    ...timing,
    engine,
    images: createImagePuller({ engine, clock, access: noGuards, onPulled: () => {} }),
    exits: createExitFailures({ engine, clock }),
    networks,
    guestFolders: noGuestFolders,
    ghosts: noGhosts,
    volumes: noVolumes,
    claims: options.claims?.(claims) ?? claims,
    ulimits: { current: () => [], fallBack: () => false },
    injection: 'nvidia',
    hostUuid: options.hostUuid,
    deployTimeoutMs: options.deployTimeoutMs,
    startInTurn: createLimiter(4),
    log,
    failPoint,
    tell: deployLog.tell,
    onChange: changed.raise,
  })
  const reporter = createReporter(talk)
  const orphans = createOrphanSweep(
    { engine, networks, reconciler, health, clock, log },
    {
      hostUuid: options.hostUuid,
      bridgePrefix,
      graceMs: orphanGraceMs,
      removes: options.removesOrphans ?? true,
    },
  )
  const deps = { engine, health, reconciler, reporter, ghosts: noGhosts, changed, clock, log }
  const stopping = new AbortController()
  const { signal } = stopping
  const setTarget = (target: Target): void => reconciler.setTarget(options.tamperTarget?.(target) ?? target)

  const announce = async (): Promise<void> => {
    const backoff = createBackoff(timing)
    for (;;) {
      const hello: Hello = {
        boot_id: bootId,
        agent_version: 'simulated',
        cpus: inventory.cpus,
        memory_bytes: inventory.memoryBytes,
        disk_bytes: 2 ** 40,
        gpus: [...inventory.gpus],
        images: [...inventory.images()],
        deploy_timeout: options.deployTimeoutMs / 1000,
        checks: [],
        volumes: [],
        engine: health.state(),
      }
      try {
        await client.report.hello({ body: hello }, { timeoutMs: 15_000 })
        return
      } catch (error) {
        if (isReplaced(error)) throw error
        await backoff.wait(signal)
      }
    }
  }
  const keepListening = async (): Promise<void> => {
    const backoff = createBackoff(timing, 100, 2000)
    for (;;) {
      try {
        const events = followEvents(engine, signal)
        changed.raise()
        for await (const uuid of events) {
          if (!life.isAlive) await hangForever
          if (!reconciler.isBusy(uuid)) changed.raise()
        }
      } catch {
        // The engine is away.
      }
      changed.raise()
      await backoff.wait(signal)
    }
  }
  const keepKnown = async (): Promise<void> => {
    for (;;) {
      await unknown.wait(signal)
      reconciler.forgetTarget()
      orphans.forget()
      reporter.forget()
      await announce()
    }
  }
  const run = async (): Promise<void> => {
    const first = await look(deps, [], signal)
    await Promise.all([
      keepLooking(deps, first, signal),
      keepListening(),
      announce().then(() =>
        Promise.all([
          reporter.run(signal),
          deployLog.run(signal),
          keepKnown(),
          orphans.run(signal),
          pullTargets(talk, reconciler.targetVersion, setTarget, signal),
        ]),
      ),
    ])
  }
  run().catch((error: Error) => {
    if (!life.isAlive || signal.aborted) return
    life.isAlive = false
    options.onEnd(isReplaced(error) ? 'replaced' : error)
  })
  return {
    bootId,
    kill: () => void (life.isAlive = false),
    stop: async () => {
      stopping.abort()
      await reconciler.stop()
    },
  }
}

type Gate = <T>(work: Promise<T>) => Promise<T>

/** The client of the contract, with the simulator's line in the place of HTTP. */
function toControl(
  { link, door, tamper, session }: AgentOptions,
  life: Life,
  gate: Gate,
): Client<typeof control> {
  const send = <T>(
    name: string,
    { signal, timeoutMs = 30_000 }: { signal?: AbortSignal; timeoutMs?: number } = {},
    arrive: () => Promise<T | Held<T>>,
    isRepeatable = false,
  ): Promise<T> =>
    life.isAlive ? gate(link.exchange({ name, isRepeatable, timeoutMs, signal, arrive })) : hangForever
  type Call = { signal?: AbortSignal; timeoutMs?: number }
  return {
    report: {
      hello: ({ body }: { body: Hello }, options?: Call) => {
        const hello = control.report.hello.body.parse(body)
        return send('hello', options, () => door.hello(hello, session))
      },
      send: ({ body }: { body: Report }, options?: Call) => {
        const honest = control.report.send.body.parse(body)
        const report = tamper?.(honest) ?? honest
        return send('report', options, () => door.report(report))
      },
      heartbeat: ({ body }: { body: Heartbeat }, options?: Call) => {
        const heartbeat = control.report.heartbeat.body.parse(body)
        return send('heartbeat', options, () => door.heartbeat(heartbeat))
      },
      deployLog: ({ body }: { body: DeployLog }, options?: Call) => {
        control.report.deployLog.body.parse(body)
        return send('deploy log', options, () => Promise.resolve())
      },
    },
    target: {
      get: ({ query: { after = -1 } = {} }: { query?: { after?: number } } = {}, options?: Call) =>
        send('target', options, () => door.target(after, options?.signal), true),
    },
  } as unknown as Client<typeof control>
}

function toLog(trace: (line: string) => void): FastifyBaseLogger {
  const write = (details: object, message: string): void => {
    const { err, ...rest } = details as { err?: Error }
    trace(`${message} ${JSON.stringify(rest)}${err ? ` (${err.message})` : ''}`)
  }
  const silent = (): void => {}
  return {
    info: write,
    warn: write,
    error: write,
    debug: silent,
    trace: silent,
  } as unknown as FastifyBaseLogger
}
