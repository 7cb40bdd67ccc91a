import {
  agent,
  type Client,
  type ContainerFacts,
  control,
  type DeployLog,
  GpulabError,
  type Heartbeat,
  type Hello,
  type Report,
  type TargetContainer,
  type TargetVolume,
  laneProtocol,
  uplinkPath,
  uplinkProtocol,
  type VolumeFacts,
} from '@gpulab/contract'
import {
  createServe,
  createServer,
  createUplinks,
  type Server,
  takeUpgrade,
  type Uplinks,
} from '@gpulab/http'
import { eventually } from '@gpulab/testing'
import { type Door, serveDoor } from './fake-door.ts'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import type { ClientHttp2Session } from 'node:http2'

export interface FakeControl extends AsyncDisposable {
  readonly url: string
  readonly hellos: Hello[]
  readonly reports: Report[]
  readonly heartbeats: Heartbeat[]
  readonly lines: DeployLog['lines']
  /** Adds or replaces wishes and raises the version; gives it. */
  want(...containers: TargetContainer[]): number
  /** Adds or replaces wishes for volumes, and raises the version. */
  wantVolumes(...volumes: TargetVolume[]): void
  /** The newest facts of a volume. */
  volume(uuid: string): VolumeFacts | undefined
  /** The target without these containers. */
  forget(...uuids: string[]): void
  /** Whether it says nothing of what it wants. */
  holdTargets(held: boolean): void
  /** Refuses whatever the present boot sends from now on. */
  replaceBoot(): void
  /** Knows of no host and no container any more, and counts anew. */
  loseDatabase(): void
  /** The uplink of the present agent, when it is up. */
  host(): Promise<Client<typeof agent>>
  /** Cuts the uplink. */
  cut(): void
  /** Takes none of the sessions that it has given any more, as if it had another pepper now. */
  endSessions(): void
  /** How often a host has proven its key. */
  proofs(): number
  /** The newest facts of a container, from a report that knows the newest target and has nothing under way. */
  settled(uuid: string, timeoutMs?: number): Promise<ContainerFacts | undefined>
}

/** A control plane without a database: a test is its whole intent. */
export async function startFakeControl(): Promise<FakeControl> {
  const app = createServer({ logger: false })
  const hellos: Hello[] = []
  const reports: Report[] = []
  const heartbeats: Heartbeat[] = []
  const lines: DeployLog['lines'] = []
  const wishes = new Map<string, TargetContainer>()
  const volumes = new Map<string, TargetVolume>()
  const volumeFacts = new Map<string, VolumeFacts>()
  let version = 0
  let isHeld = false
  let hostUuid = randomUUID()
  let changed = Promise.withResolvers<void>()
  let bootId: string | undefined
  let session: ClientHttp2Session | undefined

  const door = serveDoor(app)
  const serve = createServe(app, async ({ headers }) => door.authenticate(headers.authorization))
  const requireBoot = (boot: string): void => {
    if (bootId === undefined) throw new GpulabError('hello_missing')
    if (boot !== bootId) throw new GpulabError('boot_replaced')
  }
  serve(control.report.hello, async ({ body }) => {
    hellos.push(body)
    bootId = body.boot_id
    return { host_uuid: hostUuid, ignored_gpus: [] }
  })
  serve(control.report.send, async ({ body }) => {
    requireBoot(body.boot_id)
    reports.push(body)
  })
  serve(control.report.heartbeat, async ({ body }) => {
    requireBoot(body.boot_id)
    const last = reports.at(-1)
    if (last?.boot_id !== body.boot_id || last.seq !== body.report_seq) throw new GpulabError('report_needed')
    heartbeats.push(body)
  })
  serve(control.report.volumes, async ({ body }) => {
    requireBoot(body.boot_id)
    for (const facts of body.volumes) volumeFacts.set(facts.uuid, facts)
  })
  serve(control.report.deployLog, async ({ body }) => {
    requireBoot(body.boot_id)
    lines.push(...body.lines)
  })
  serve(control.target.get, async ({ query }, { signal }) => {
    const gone = once(signal, 'abort')
    const isReady = (): boolean => !isHeld && version > query.after
    while (!isReady() && !signal.aborted) await Promise.race([changed.promise, gone])
    return { version, containers: [...wishes.values()], volumes: [...volumes.values()] }
  })
  const uplinks = createUplinks()
  acceptUplinks(app, door, uplinks, (next) => {
    session = next
  })

  const bump = (): number => {
    version++
    changed.resolve()
    changed = Promise.withResolvers()
    return version
  }
  return {
    url: await app.listen({ host: '127.0.0.1', port: 0 }),
    hellos,
    reports,
    heartbeats,
    lines,
    want: (...containers) => {
      for (const container of containers) wishes.set(container.uuid, container)
      return bump()
    },
    wantVolumes: (...wanted) => {
      for (const volume of wanted) volumes.set(volume.uuid, volume)
      bump()
    },
    volume: (uuid) => volumeFacts.get(uuid),
    forget: (...uuids) => {
      for (const uuid of uuids) wishes.delete(uuid)
      bump()
    },
    holdTargets: (held) => {
      isHeld = held
      bump()
    },
    replaceBoot: () => {
      bootId = randomUUID()
    },
    loseDatabase: () => {
      bootId = undefined
      hostUuid = randomUUID()
      wishes.clear()
      reports.length = 0
      version = 0
    },
    host: () =>
      eventually(() => {
        if (!session || session.destroyed) throw new Error('There is no uplink.')
        return uplinks.to(anyHost)
      }),
    cut: () => session?.destroy(),
    endSessions: door.endSessions,
    proofs: door.proofs,
    settled: (uuid, timeoutMs = 30_000) =>
      eventually(
        () => {
          const report = reports.at(-1)
          if (report?.target_version !== version) throw new Error('The agent does not know the target yet.')
          const facts = report.containers.findLast((container) => container.uuid === uuid)
          if (facts?.busy) throw new Error(`Still busy: ${JSON.stringify(facts)}`)
          return facts
        },
        { timeoutMs },
      ),
    [Symbol.asyncDispose]: async () => {
      session?.destroy()
      await app.close()
    },
  }
}

const anyHost = 'the host'

function acceptUplinks(
  app: Server,
  door: Door,
  uplinks: Uplinks,
  onSession: (session: ClientHttp2Session) => void,
): void {
  app.get(uplinkPath, async (request, reply) => {
    const lane = takeUpgrade(request, laneProtocol)
    if (lane) {
      reply.hijack()
      return uplinks.acceptLane(request.headers, lane.socket, lane.head)
    }
    door.authenticate(request.headers.authorization)
    const upgrade = takeUpgrade(request, uplinkProtocol)
    if (!upgrade) throw new GpulabError('invalid_request')
    reply.hijack()
    onSession(await uplinks.accept(anyHost, upgrade.socket, upgrade.head))
  })
}
