import { type Client, control, createClient } from '@gpulab/contract'
import { createFailPoints, type FailPoint } from '@gpulab/fail-points'
import { createAuthorizedTransport, createHttpTransport } from '@gpulab/transport'
import type { FastifyBaseLogger } from 'fastify'
import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { createLimiter } from './bounded.ts'
import { systemTiming, type Timing } from './clock.ts'
import type { Config } from './config.ts'
import { createExitFailures } from './containers/exit-failures.ts'
import { createGhosts, type Ghosts } from './containers/ghosts.ts'
import { openImageAccess } from './containers/image-access.ts'
import { createImagePuller } from './containers/image-puller.ts'
import { createUlimits } from './containers/ulimits.ts'
import { connectEngine, type Engine } from './docker/connect.ts'
import { createEngineHealth, type EngineHealth } from './engine-health.ts'
import { createGpuClaims } from './gpus/claims.ts'
import { createGuestFolders, type GuestFolders } from './guest/folders.ts'
import { createGuests, type Guests } from './guest/guests.ts'
import { createHostSession, type HostSession } from './identity/host-session.ts'
import type { Identity } from './identity/identity-file.ts'
import { createByteBudget, type ByteBudget } from '@gpulab/transport/capture'
import { createExecTurns, type ExecTurns } from './exec/turns.ts'
import { createFirewall, type Firewall, noFirewall } from './network/firewall.ts'
import { createTeamNetworks, type TeamNetworks } from './network/team-networks.ts'
import { createDialer, type Dialer } from './ports/dialer.ts'
import { createOrphanSweep, type OrphanSweep } from './orphans/sweep.ts'
import { createSessionStore } from './sessions/session-record.ts'
import { createSessions, sessionLimits, type Sessions } from './sessions/sessions.ts'
import { createStatsReader, type StatsReader } from './stats/read-stats.ts'
import { createSignalBox, type SignalBox } from './signal-box.ts'
import { createDeployLog, type DeployLogWriter } from './target/deploy-log.ts'
import { createReconciler, type Reconciler } from './target/reconciler.ts'
import { createReporter, type Reporter } from './target/report.ts'
import { openVolumes, toClosedPorts } from './volumes/open-volumes.ts'
import { createWorkers, type Workers } from './volumes/files/workers.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Volumes } from './volumes/volumes.ts'

/** Of all commands that are under way together. */
const captureMaxBytes = 64 << 20

/** Everything that the agent's parts share, made once. */
export interface Deps extends Timing {
  readonly config: Config
  readonly log: FastifyBaseLogger
  readonly metrics: Metrics
  /** Does nothing outside of fault tests. */
  readonly failPoint: FailPoint
  readonly bootId: string
  readonly identity: Identity
  readonly session: HostSession
  readonly engine: Engine
  readonly health: EngineHealth
  readonly control: Client<typeof control>
  readonly networks: TeamNetworks
  readonly firewall: Firewall
  readonly reconciler: Reconciler
  readonly ghosts: Ghosts
  readonly reporter: Reporter
  readonly deployLog: DeployLogWriter
  readonly guestFolders: GuestFolders
  readonly guests: Guests
  readonly sessions: Sessions
  readonly dialer: Dialer
  readonly orphans: OrphanSweep
  /** Raised when the engine may look different from the last look. */
  readonly changed: SignalBox
  /** Raised when the host may have something else to offer than its last hello said. */
  readonly inventory: SignalBox
  /** Raised when the control plane says that it does not know this host. */
  readonly unknown: SignalBox
  onHelloMissing(): void
  readonly turns: ExecTurns
  readonly captureBudget: ByteBudget
  readonly stats: StatsReader
  readonly volumes: Volumes
  readonly volumeWorkers: Workers
}

export async function createDeps(
  config: Config,
  identity: Identity,
  { log, metrics }: { readonly log: FastifyBaseLogger; readonly metrics: Metrics },
): Promise<Deps> {
  const bootId = randomUUID()
  const failPoint = createFailPoints(process.env)
  const engine = connectEngine(config.engineSocket, metrics.engineCalled)
  const transport = createHttpTransport({ url: identity.apiUrl, insecure: config.insecure })
  const session = createHostSession({ join: createClient(control.join, transport), identity, log })
  const client = createClient(control, createAuthorizedTransport(transport, session))
  const firewall = config.firewall
    ? createFirewall(
        {
          chain: config.firewallChain,
          prefix: config.bridgePrefix,
          closedPorts: toClosedPorts(config),
        },
        log,
      )
    : noFirewall
  const { clock } = systemTiming
  const networks = createTeamNetworks(
    { engine, firewall },
    { prefix: config.bridgePrefix, addressPool: config.addressPool },
  )
  const health = createEngineHealth()
  const changed = createSignalBox(clock)
  const inventory = createSignalBox(clock)
  const unknown = createSignalBox(clock)
  const onHelloMissing = unknown.raise
  const guestFolders = createGuestFolders({ folder: config.guestDir, program: config.guestProgram }, log)
  const turns = createExecTurns(Math.max(availableParallelism() * 2, 4))
  const guests: Guests = createGuests({
    engine,
    clock,
    log,
    config,
    bootMs: clock.now(),
    guestFolders,
    onGuest: (guest) => {
      sessions.clearUp(guest).catch((err: unknown) => log.debug({ err }, 'a guest was not cleared up'))
    },
  })
  const sessionStore = createSessionStore(join(config.stateDir, 'sessions'))
  const sessions: Sessions = createSessions({
    engine,
    guests,
    turns,
    clock,
    log,
    config,
    sessionStore,
    sessionLimits,
  })
  const deployLog = createDeployLog({ ...systemTiming, control: client, bootId, log, onHelloMissing })
  const ghosts = createGhosts({ engine, clock, log })
  const { hostUuid } = identity
  const imageAccess = await openImageAccess(join(config.stateDir, 'image-access.json'))
  const volumes = await openVolumes({ config, clock, log, failPoint })
  const volumeWorkers = createWorkers(volumes, log)
  volumes.onRemoval(volumeWorkers.release)
  const reconciler = createReconciler({
    ...systemTiming,
    engine,
    hostUuid,
    images: createImagePuller({ engine, clock, access: imageAccess, onPulled: inventory.raise }),
    exits: createExitFailures({ engine, clock }),
    networks,
    claims: createGpuClaims({ engine, clock }),
    ghosts,
    ulimits: await createUlimits(),
    injection: config.gpuInjection,
    guestFolders,
    volumes,
    deployTimeoutMs: config.deployTimeoutMs,
    startInTurn: createLimiter(Math.max(availableParallelism() * 2, 4)),
    log,
    failPoint,
    tell: deployLog.tell,
    onChange: changed.raise,
    onStep: metrics.stepped,
  })
  return {
    ...systemTiming,
    config: { ...config, apiUrl: identity.apiUrl },
    log,
    metrics,
    failPoint,
    bootId,
    identity,
    session,
    engine,
    health,
    control: client,
    networks,
    firewall,
    reconciler,
    reporter: createReporter({ ...systemTiming, control: client, bootId, log, failPoint, onHelloMissing }),
    deployLog,
    guestFolders,
    guests,
    sessions,
    dialer: createDialer(join(dirname(config.guestProgram), 'gpulab-dialer'), log),
    ghosts,
    orphans: createOrphanSweep(
      { engine, networks, reconciler, health, clock, log },
      {
        hostUuid,
        bridgePrefix: config.bridgePrefix,
        graceMs: config.orphanGraceMs,
        removes: config.orphans === 'remove',
      },
    ),
    changed,
    inventory,
    unknown,
    onHelloMissing,
    turns,
    captureBudget: createByteBudget(captureMaxBytes),
    stats: createStatsReader({ ...systemTiming, engine, reconciler, log, nvidiaSmi: config.nvidiaSmi }),
    volumes,
    volumeWorkers,
  }
}
