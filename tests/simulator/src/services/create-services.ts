import { api, type Container, GpulabError, type Heartbeat } from '@gpulab/contract'
import { createAuditLog } from '../../../../apps/api/src/audit/audit-log.ts'
import pino from 'pino'
import { bootstrap } from '../../../../apps/api/src/auth/bootstrap.ts'
import type { Principal } from '../../../../apps/api/src/auth/authenticate.ts'
import { createContainer } from '../../../../apps/api/src/containers/create-container.ts'
import {
  removeContainer,
  restartContainer,
  startContainer,
  stopContainer,
} from '../../../../apps/api/src/containers/lifecycle.ts'
import { redeployContainer } from '../../../../apps/api/src/containers/redeploy.ts'
import { showContainer } from '../../../../apps/api/src/containers/service.ts'
import type { Connection } from '../../../../apps/api/src/db/connect.ts'
import type { Deps } from '../../../../apps/api/src/deps.ts'
import { seedGpuTypes } from '../../../../apps/api/src/gpus/seed.ts'
import { applyReport, bootReplaced } from '../../../../apps/api/src/hosts/apply-report.ts'
import { keepAlive } from '../../../../apps/api/src/hosts/store.ts'
import { hostSilenceMs } from '../../../../apps/api/src/containers/view.ts'
import { momentsOf, type Operation } from '@gpulab/fail-points'
import {
  cordonHost,
  drainHost,
  fenceHost,
  uncordonHost,
} from '../../../../apps/api/src/hosts/operate-host.ts'
import { waitForTarget, welcomeHost } from '../../../../apps/api/src/hosts/service.ts'
import { once } from '../../../../apps/api/src/idempotency/service.ts'
import { sweep } from '../../../../apps/api/src/sweep/run-sweep.ts'
import { createUplinks } from '@gpulab/http'
import { createReadiness } from '@gpulab/monitoring'
import { createMetrics } from '../../../../apps/api/src/metrics/metrics.ts'
import type { ControlPlane, Request, Shown } from '../control-plane.ts'
import type { ControlPlaneOptions } from '../world/world.ts'
import { readHosts, readSnapshot } from './read-snapshot.ts'

const publicKey = Buffer.alloc(32, 1)
const pepper = 'a pepper for the simulator'
const acts = {
  stop: stopContainer,
  start: startContainer,
  restart: restartContainer,
  redeploy: redeployContainer,
}
const hostActs = { cordon: cordonHost, uncordon: uncordonHost, drain: drainHost, fence: fenceHost }

/** The control plane's own services on an emptied database, each call alone. */
export async function createServices(
  database: Connection,
  { now, hosts }: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { db } = database
  const deps = toDeps(database, now)
  // Money and audit are append-only, also for a world that begins.
  await database.sql.begin(async (sql) => {
    await sql`set local session_replication_role = replica`
    await sql`truncate teams, hosts, gpu_types cascade`
  })
  await seedGpuTypes({ db })
  await bootstrap(deps, { email: 'ann@example.com', team: 'red' })
  const principal = await readPrincipal(database)
  const joinedAt = new Date(now())
  for (const { uuid, name } of hosts) {
    await database.sql`insert into hosts (uuid, name, public_key, joined_at, state_since)
      values (${uuid}, ${name}, ${publicKey}, ${joinedAt}, ${joinedAt})`
  }
  const asHost = (hostUuid: string, sessionNumber = 0) => ({
    hostUuid,
    hostName: hostUuid,
    publicKey,
    sessionNumber,
  })
  return {
    request: (key, request) => carryOut(deps, principal, key, request),
    hello: async (uuid, hello, session) => void (await welcomeHost(deps, asHost(uuid, session), hello)),
    report: (uuid, report) => applyReport(deps, asHost(uuid), report),
    heartbeat: (uuid, heartbeat) => takeHeartbeat(deps, uuid, heartbeat),
    // Held back by the simulator, so it never waits here.
    target: async (uuid) => {
      const { signal } = new AbortController()
      const { version, containers, volumes } = await waitForTarget(deps, asHost(uuid), -1, signal)
      return { version, containers: containers ?? [], volumes }
    },
    hosts: () => readHosts(db),
    sweep: () => sweep(deps),
    snapshot: () => readSnapshot(db),
  }
}

function toDeps({ db }: Connection, now: () => number): Deps {
  return {
    config: {
      listen: [],
      monitorListen: undefined,
      volumeDriver: 'local',
      drainDelayMs: 0,
      drainTimeoutMs: 0,
      tls: undefined,
      databaseUrl: undefined,
      dataDir: '',
      pepper,
      encryptionKey: Buffer.alloc(32, 7),
      gatewayKey: undefined,
      proxyUrl: undefined,
      uplinkUrl: undefined,
      standIns: {},
      registries: [],
      balanceWarningMs: 0,
      rateFactor: 1,
      logLevel: 'silent',
    },
    db,
    signals: {
      listen: () => ({ wait: () => Promise.resolve(), [Symbol.dispose]: () => {} }),
      close: () => {},
    },
    uplinks: createUplinks(),
    audit: createAuditLog(db),
    clock: { now: () => new Date(now()) },
    log: pino({ level: 'silent' }),
    failPoint: () => Promise.resolve(),
    metrics: createMetrics(),
    readiness: createReadiness(),
  }
}

/** As hosts/heartbeats.ts, which waits for others to come. */
async function takeHeartbeat({ db, clock }: Deps, hostUuid: string, heartbeat: Heartbeat): Promise<void> {
  const now = clock.now()
  const silentSince = new Date(now.getTime() - hostSilenceMs)
  const outcome = await keepAlive(db, hostUuid, heartbeat, { now, silentSince })
  if (outcome === 'replaced') throw bootReplaced(hostUuid)
  if (outcome === 'stale') throw new GpulabError('report_needed')
}

async function readPrincipal({ sql }: Connection): Promise<Principal> {
  const [user] = await sql<{ uuid: string; team_uuid: string }[]>`select uuid, team_uuid from users`
  if (!user) throw new Error('There is no user.')
  return {
    userUuid: user.uuid,
    teamUuid: user.team_uuid,
    teamName: 'red',
    email: 'ann@example.com',
    role: 'owner',
    isAdministrator: true,
    scopes: [],
    expiresAt: null,
    keyId: '',
    keyName: '',
  }
}

/** As containers/routes.ts and hosts/operator-routes.ts. */
async function carryOut(
  deps: Deps,
  principal: Principal,
  idempotencyKey: string,
  request: Request,
): Promise<Shown | null> {
  const context = { principal, idempotencyKey }
  const during = (operation: Operation) => ({ ...deps, moment: momentsOf(deps.failPoint, operation) })
  const replay = async (uuid: string) => toShown(await showContainer(deps, principal, uuid, false))
  if (request.do === 'create') {
    const body = request.input
    return once(deps, api.containers.create, { body }, context, {
      run: async (remember) => toShown(await createContainer(during('create'), principal, body, remember)),
      replay,
    })
  }
  const { uuid } = request
  const params = { uuid }
  switch (request.do) {
    case 'remove':
      await removeContainer(during('remove'), principal, uuid)
      return null
    case 'stop':
    case 'start':
    case 'restart':
    case 'redeploy': {
      const act = acts[request.do]
      return once(deps, api.containers[request.do], { params }, context, {
        run: async (remember) => toShown(await act(during(request.do), principal, uuid, remember)),
        replay,
      })
    }
    case 'cordon':
    case 'uncordon':
    case 'drain':
    case 'fence': {
      const act = hostActs[request.do]
      await once(deps, api.hosts[request.do], { params }, context, {
        run: async (remember) => void (await act(deps, uuid, remember)),
        replay: async () => {},
      })
      return null
    }
  }
}

const toShown = ({ uuid, name, status, status_reason, generation, gpus }: Container): Shown => ({
  uuid,
  name,
  status,
  reason: status_reason?.code ?? null,
  generation,
  gpus: gpus.map((gpu) => gpu.uuid),
})
