import {
  agent,
  type Client,
  type ContainerFacts,
  type ContainerStats,
  control,
  createClient,
  type ExecOptions,
  type ExecResult,
  type HostGpu,
  type HostVolumes,
  type LogLine,
  type Report,
  type TargetContainer,
  type TargetVolume,
  type VolumeFacts,
} from '@gpulab/contract'
import { createServe, createServer, createUplinkServer } from '@gpulab/http'
import { createAuthorizedTransport, createHttpTransport } from '@gpulab/transport'
import { randomUUID } from 'node:crypto'
import { FakeSessions } from './fake-sessions.ts'
import { connectAs, type TestIdentity } from './host-identity.ts'

type Facts = Omit<ContainerFacts, 'uuid'>

interface FakeHostOptions {
  readonly url: string
  readonly identity: TestIdentity
  readonly name: string
  /** Names of its cards. */
  readonly gpus: readonly string[]
}

const rest: Facts = {
  generation: 1,
  state: 'absent',
  busy: false,
  started_at: null,
  finished_at: null,
  exit_code: null,
  oom_killed: false,
  restarts: 0,
  gpu_uuids: [],
  failure: null,
}

/** A host at the network edge: it speaks the agents' contract and does what a test tells it to. */
export class FakeHost {
  readonly name: string
  readonly control: Client<typeof control>
  /** What it lists at its next hello. */
  gpus: HostGpu[]
  volumeKinds: HostVolumes[] = [{ driver: 'local', enforced: true, size_bytes: 1000 * 2 ** 30 }]
  /** What it says of volumes, in place of that all is done. */
  readonly volumeFacts = new Map<string, Partial<VolumeFacts>>()
  readonly facts = new Map<string, Facts>()
  onExec: (command: ExecOptions & { container_uuid: string }) => Promise<Partial<ExecResult>> =
    async () => ({})
  logLines: LogLine[] = []
  readonly sessions = new FakeSessions()
  onStats: (uuid: string, follow: boolean, signal: AbortSignal) => AsyncIterable<ContainerStats> = (uuid) =>
    toAsync([sampleStats(uuid)])
  target: { version: number; containers: TargetContainer[]; volumes: TargetVolume[] } = {
    version: -1,
    containers: [],
    volumes: [],
  }
  bootId: string = randomUUID()
  /** Of the newest dial. */
  uplinkEnded: Promise<void> = Promise.resolve()
  #seq = 0
  #reportSeq = 0
  #runs = 0
  #options: FakeHostOptions
  #closers: (() => unknown)[] = []

  private constructor(options: FakeHostOptions) {
    this.#options = options
    this.name = options.name
    this.gpus = options.gpus.map((name, index) => ({
      uuid: `GPU-${this.name}-${index}`,
      index,
      name,
      memory_bytes: 24 * 2 ** 30,
      simulated: true,
    }))
    const transport = createHttpTransport({ url: options.url })
    let session: Promise<string> | undefined
    const credential = {
      token: () => (session ??= this.connect()),
      refuse: () => (session = undefined),
    }
    this.control = createClient(control, createAuthorizedTransport(transport, credential))
  }

  static async start(options: FakeHostOptions): Promise<FakeHost> {
    const host = new FakeHost(options)
    await host.hello()
    await host.dial()
    await host.report()
    return host
  }

  hello(bootId = this.bootId): Promise<{ host_uuid: string; ignored_gpus: string[] }> {
    return this.control.report.hello({
      body: {
        boot_id: bootId,
        agent_version: 'test',
        cpus: 64,
        memory_bytes: 256 * 2 ** 30,
        disk_bytes: 1000 * 2 ** 30,
        images: [],
        deploy_timeout: 900,
        volumes: this.volumeKinds,
        checks: [],
        engine: { available: true, version: 'test', message: null },
        gpus: this.gpus,
      },
    })
  }

  /** Another run of its agent, which has been told nothing yet. */
  async restart(bootId: string): Promise<void> {
    this.bootId = bootId
    this.target = { ...this.target, version: -1 }
    this.#seq = 0
    await this.hello()
  }

  /** Proves its key and gives a session. */
  connect(): Promise<string> {
    return connectAs(createHttpTransport({ url: this.#options.url }), this.#options.identity)
  }

  async dial(session?: string): Promise<void> {
    const app = createServer({ logger: false })
    const serve = createServe(app, async () => null)
    serve(agent.exec, async ({ body }) => ({ ...emptyResult(), ...(await this.onExec(body)) }))
    serve(agent.logs, async () => toAsync(this.logLines))
    this.sessions.serve(serve)
    serve(agent.stats, async ({ params, query }, { signal }) =>
      this.onStats(params.uuid, query.follow, signal),
    )
    serve(agent.health, async () => ({ version: 'test', engine: { available: true, message: null } }))
    const uplinks = createUplinkServer(app)
    const { url } = this.#options
    const controller = new AbortController()
    const headers = { authorization: `Bearer ${session ?? (await this.connect())}` }
    const uplink = await uplinks.dial({ url, headers, signal: controller.signal })
    this.uplinkEnded = uplink.closed
    this.#closers.push(
      () => uplinks.close(),
      () => uplink.destroy(),
      () => app.close(),
    )
  }

  async hangUp(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close()
  }

  async pull(): Promise<TargetContainer[]> {
    const { version, containers, volumes } = await this.control.target.get({ query: { after: -1 } })
    this.target = { version, containers: containers ?? [], volumes }
    return this.target.containers
  }

  /** Pulls the target, does at once what it asks for about volumes, and reports that. */
  async settleVolumes(): Promise<void> {
    await this.pull()
    const volumes = this.target.volumes.map(({ uuid, desired, generation, size_bytes }) => ({
      uuid,
      state: desired === 'present' ? ('ready' as const) : ('absent' as const),
      generation,
      size_bytes,
      used_bytes: 0,
      enforced: true,
      problem: null,
      failure: null,
      ...this.volumeFacts.get(uuid),
    }))
    const body = { boot_id: this.bootId, target_version: this.target.version, volumes }
    await this.control.report.volumes({ body })
  }

  /** Says that all is as the last report told. */
  async heartbeat(): Promise<void> {
    const reported = this.#seq
    const body = { boot_id: this.bootId, seq: ++this.#seq, report_seq: this.#reportSeq || reported }
    await this.control.report.heartbeat({ body })
  }

  /** Sends the present facts; `changes` overrides parts of the report. */
  async report(changes: Partial<Report> = {}): Promise<void> {
    await this.control.report.send({
      body: {
        boot_id: this.bootId,
        seq: ++this.#seq,
        target_version: this.target.version,
        engine: { available: true, version: 'test', message: null },
        containers: [...this.facts].map(([uuid, facts]) => ({ uuid, ...facts })),
        ...changes,
      },
    })
    this.#reportSeq = changes.seq ?? this.#seq
  }

  /** As it was made for the present target, but for these facts. */
  set(uuid: string, facts: Partial<Facts>): void {
    const wanted = this.target.containers.find((each) => each.uuid === uuid)
    const { generation, gpu_uuids } = wanted ?? rest
    this.facts.set(uuid, Object.assign({}, rest, { generation, gpu_uuids }, facts))
  }

  /** Pulls the target, does at once what it asks for, and reports. What it is not told of it leaves alone. */
  async converge(): Promise<void> {
    const wishes = await this.pull()
    for (const wanted of wishes) {
      const known = this.facts.get(wanted.uuid)
      const fresh = { ...rest, generation: wanted.generation }
      const isCurrent = known?.generation === wanted.generation || wanted.desired !== 'running'
      this.facts.set(wanted.uuid, this.#follow(wanted, isCurrent ? (known ?? fresh) : fresh))
    }
    for (const [uuid, { state }] of this.facts) {
      if (state === 'absent' && !wishes.some((wanted) => wanted.uuid === uuid)) this.facts.delete(uuid)
    }
    await this.report()
  }

  #follow(wanted: TargetContainer, before: Facts): Facts {
    if (wanted.desired === 'absent') return { ...rest, generation: wanted.generation }
    if (wanted.desired === 'stopped') {
      if (before.state === 'pulling') return { ...rest, generation: wanted.generation }
      return before.state === 'running'
        ? { ...before, state: 'exited', exit_code: 143, finished_at: this.#time() }
        : before
    }
    const isDone = before.state === 'running' && before.started_at !== wanted.start_after
    return isDone
      ? before
      : {
          ...rest,
          generation: wanted.generation,
          state: 'running',
          started_at: this.#time(),
          gpu_uuids: wanted.gpu_uuids,
        }
  }

  #time(): string {
    return new Date(Date.now() + ++this.#runs).toISOString().replace('Z', '000001Z')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hangUp()
  }
}

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

const emptyResult = (): ExecResult => ({
  id: randomUUID(),
  stdout: '',
  stderr: '',
  exit_code: 0,
  signal: null,
  timed_out: false,
  stdout_truncated: false,
  stderr_truncated: false,
  stdout_encoding: 'utf-8',
  stderr_encoding: 'utf-8',
  duration_ms: 1,
  origin: 'command',
})

export const sampleStats = (uuid: string, changes: Partial<ContainerStats> = {}): ContainerStats => ({
  uuid,
  at: '2026-03-01T10:00:00.000Z',
  cpu_percent: 45.2,
  cpu_cores: 12,
  memory_used_bytes: 18 * 2 ** 30,
  memory_limit_bytes: 32 * 2 ** 30,
  network_rx_bytes: 1000,
  network_tx_bytes: 2000,
  block_read_bytes: 3000,
  block_write_bytes: 4000,
  pids: 42,
  pids_limit: 512,
  gpus: [
    {
      uuid: 'GPU-one-0',
      name: 'NVIDIA GeForce RTX 4090',
      simulated: true,
      memory_used_bytes: 20 * 2 ** 30,
      memory_total_bytes: 24 * 2 ** 30,
      utilization_percent: 87,
      temperature_celsius: 72,
      power_watts: 310.5,
      power_limit_watts: 450,
      problem: null,
    },
  ],
  ...changes,
})
