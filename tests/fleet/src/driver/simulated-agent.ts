import {
  type Client,
  control,
  createClient,
  GpulabError,
  heartbeatSeconds,
  targetWaitSeconds,
} from '@gpulab/contract'
import type { UplinkServer } from '@gpulab/http'
import { createHttpTransport } from '@gpulab/transport'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { createAlarm, createBackoff } from './alarm.ts'
import { createSimulatedEngine } from './engine.ts'
import type { HostShape } from './host-shape.ts'
import { connectAs, type Identity, joinAs } from './identity.ts'
import { add, type Tally } from './tally.ts'

export interface AgentOptions {
  readonly shape: HostShape
  readonly apiUrl: string
  readonly joinToken: string
  /** Serves on the agent's uplink; without it none is dialled. */
  readonly uplinks: UplinkServer | undefined
  readonly tally: Tally
}

/** As the real agent's: changes that are closer than this are one report. */
const debounceMs = 10
const pullMs = (targetWaitSeconds + 10) * 1000
const engine = { available: true, version: '27.5.1', message: null }

/** Speaks the agents' contract as apps/agent does, for a host whose engine is simulated. */
export class SimulatedAgent {
  readonly #options: AgentOptions
  readonly #stop = new AbortController()
  readonly #changed = createAlarm(this.#stop.signal)
  readonly #bootId = randomUUID()
  readonly engine = createSimulatedEngine(() => this.#change())
  readonly #transport
  #identity: Identity | undefined
  #renewal: Promise<void> | undefined
  #session = ''
  #client: Client<typeof control>
  #seq = 0
  #reportSeq = 0
  #version = -1
  #toldAt = Number.NEGATIVE_INFINITY
  #isDirty = true
  isUplinked = false

  constructor(options: AgentOptions) {
    this.#options = options
    this.#transport = createHttpTransport({ url: options.apiUrl })
    this.#client = createClient(control, this.#transport)
  }

  /** Until `stop`. */
  async run(): Promise<void> {
    await this.#untilDone(() => this.#connect())
    await this.#untilDone(() => this.#hello())
    const loops = [this.#forever(() => this.#tell()), this.#forever(() => this.#pull())]
    const { uplinks } = this.#options
    if (uplinks) loops.push(this.#forever(() => this.#serveUplink(uplinks)))
    await Promise.all(loops)
  }

  stop(): void {
    this.#stop.abort()
  }

  #change(): void {
    this.#isDirty = true
    this.#changed.raise()
  }

  async #untilDone(action: () => Promise<void>): Promise<void> {
    let isDone = false
    await this.#forever(
      async () => {
        await action()
        isDone = true
      },
      () => isDone,
    )
  }

  async #forever(action: () => Promise<void>, isOver = () => false): Promise<void> {
    const { signal } = this.#stop
    const backoff = createBackoff()
    while (!signal.aborted && !isOver()) {
      try {
        await action()
        backoff.reset()
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error)
        await backoff.wait(signal).catch(() => {})
      }
    }
  }

  async #recover(error: unknown): Promise<void> {
    const code = error instanceof GpulabError ? error.code : String(error)
    add(this.#options.tally.failures, code)
    if (code === 'report_needed') this.#isDirty = true
    try {
      if (code === 'host_session_invalid') await this.#connect()
      if (code === 'hello_missing') await this.#hello()
    } catch (cause) {
      add(this.#options.tally.failures, cause instanceof GpulabError ? cause.code : String(cause))
    }
  }

  /** One proof for all loops that ask for one at a time. */
  #connect(): Promise<void> {
    return (this.#renewal ??= this.#proveKey().finally(() => (this.#renewal = undefined)))
  }

  async #proveKey(): Promise<void> {
    const anonymous = createClient(control, this.#transport)
    const { shape, joinToken } = this.#options
    if (!this.#identity) {
      this.#identity = await joinAs(anonymous, shape.name, joinToken)
      this.#count('join')
    }
    this.#session = await connectAs(anonymous, this.#identity)
    this.#client = createClient(control, this.#transport, { headers: this.#headers() })
    this.#count('connect')
  }

  #headers = (): Record<string, string> => ({ authorization: `Bearer ${this.#session}` })

  async #hello(): Promise<void> {
    const { cpus, memoryBytes, diskBytes, gpus } = this.#options.shape
    await this.#client.report.hello({
      body: {
        boot_id: this.#bootId,
        agent_version: '0.0.0-simulated',
        cpus,
        memory_bytes: memoryBytes,
        disk_bytes: diskBytes,
        gpus,
        images: [],
        deploy_timeout: 900,
        checks: [],
        volumes: [],
        engine,
      },
    })
    this.#isDirty = true
    this.#count('hello')
  }

  /** A whole report where something changed since the last one that was taken, else a heartbeat. */
  async #tell(): Promise<void> {
    const { signal } = this.#stop
    const restMs = this.#toldAt + heartbeatSeconds * 1000 - performance.now()
    if (!this.#isDirty && restMs > 0) return await this.#changed.wait(restMs)
    await wait(debounceMs, undefined, { signal })
    const call = { signal, timeoutMs: 15_000 }
    const base = { boot_id: this.#bootId, seq: ++this.#seq }
    if (!this.#isDirty) {
      await this.#client.report.heartbeat({ body: { ...base, report_seq: this.#reportSeq } }, call)
      this.#toldAt = performance.now()
      this.#count('heartbeat')
      return
    }
    this.#isDirty = false
    try {
      const body = { ...base, target_version: this.#version, engine, containers: this.engine.facts() }
      await this.#client.report.send({ body }, call)
      this.#reportSeq = base.seq
      this.#toldAt = performance.now()
      this.#count('report')
    } catch (error) {
      this.#isDirty = true
      throw error
    }
  }

  async #pull(): Promise<void> {
    const query = { after: this.#version }
    const call = { signal: this.#stop.signal, timeoutMs: pullMs }
    const { version, containers } = await this.#client.target.get({ query }, call)
    this.#count('target')
    if (containers === null) return
    this.#version = version
    this.engine.follow(containers)
    this.#change()
  }

  async #serveUplink(uplinks: UplinkServer): Promise<void> {
    const { apiUrl: url } = this.#options
    // As the real agent: the control plane takes no old session for what outlives it.
    await this.#connect()
    const uplink = await uplinks.dial({ url, headers: this.#headers(), signal: this.#stop.signal })
    this.isUplinked = true
    this.#count('uplink')
    await uplink.closed
    this.isUplinked = false
    throw new GpulabError('api_unreachable')
  }

  #count(name: string): void {
    add(this.#options.tally.calls, name)
  }
}
