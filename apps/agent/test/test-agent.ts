import { agent, type Client, createClient, type TargetContainer } from '@gpulab/contract'
import { ensureBusybox, ensureGuestBuilt } from '@gpulab/guest/build'
import { eventually } from '@gpulab/testing'
import { createHttpTransport } from '@gpulab/transport'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FakeControl } from './fake-control.ts'
import { joinToken } from './fake-door.ts'
import type { TestEngine } from './test-engine.ts'

export const program = join(import.meta.dirname, '../src/main.ts')

export interface TestAgent extends AsyncDisposable {
  readonly prefix: string
  readonly chain: string
  /** The operator's socket. */
  readonly local: Client<typeof agent>
  readonly environment: NodeJS.ProcessEnv
  /** Ends this run of the agent, if one is left. */
  kill(signal: NodeJS.Signals): Promise<number | null>
  /** Begins another run, which is there once it has said hello. */
  start(): Promise<void>
  /** All that the agent has written on stderr. */
  log(): string
}

/** The agent as a process of its own, with names of its own for all that it makes on this machine. */
export async function startTestAgent(
  engine: Pick<TestEngine, 'dockerHost' | 'nvidiaSmi'>,
  control: FakeControl,
  settings: Record<string, string> = {},
): Promise<TestAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-agent-'))
  const id = randomBytes(2).toString('hex')
  const environment = {
    ...process.env,
    GPULAB_API_URL: control.url,
    GPULAB_HOST_NAME: 'test-host',
    GPULAB_STATE_DIR: join(folder, 'state'),
    // Read by the first run alone: later ones know who they are.
    GPULAB_JOIN_TOKEN_FILE: join(folder, 'token'),
    GPULAB_AGENT_SOCKET: join(folder, 'agent.sock'),
    GPULAB_NVIDIA_SMI: engine.nvidiaSmi,
    GPULAB_BRIDGE_PREFIX: `t${id}`,
    GPULAB_FIREWALL_CHAIN: `GPULAB-T${id}`,
    GPULAB_LOG_LEVEL: 'info',
    DOCKER_HOST: engine.dockerHost,
    ...settings,
  }
  await ensureGuestBuilt()
  await ensureBusybox()
  await writeFile(environment.GPULAB_JOIN_TOKEN_FILE, `${joinToken}\n`)
  let child: ChildProcess | undefined
  let log = ''

  const start = async (): Promise<void> => {
    const hellos = control.hellos.length
    const started = spawn(process.execPath, [program], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = started
    started.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
    await eventually(
      () => {
        if (started.exitCode !== null) throw new Error(`The agent ended with ${started.exitCode}: ${log}`)
        if (control.hellos.length === hellos) throw new Error(`No hello yet: ${log}`)
      },
      { timeoutMs: 20_000 },
    )
  }
  const kill = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const exit = once(child, 'exit') as Promise<[number | null]>
    child.kill(signal)
    return (await exit)[0]
  }
  await start()
  return {
    prefix: environment.GPULAB_BRIDGE_PREFIX,
    chain: environment.GPULAB_FIREWALL_CHAIN,
    local: createClient(agent, createHttpTransport({ url: `unix:${environment.GPULAB_AGENT_SOCKET}` })),
    environment,
    kill,
    start,
    log: () => log,
    [Symbol.asyncDispose]: async () => {
      await kill('SIGTERM')
      const cleanup = spawn(process.execPath, [program, 'cleanup'], { env: environment, stdio: 'ignore' })
      await once(cleanup, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A wish for a container of a team of its own. */
export function toWish(image: string, fields: Partial<TargetContainer> = {}): TargetContainer {
  return {
    uuid: randomUUID(),
    generation: 1,
    base_generation: null,
    desired: 'running',
    start_after: null,
    attempt: 1,
    restart: { policy: 'no', max_retries: null },
    restarts: 0,
    has_run: false,
    name: 'test',
    team_uuid: randomUUID(),
    image,
    registry_login: null,
    command: null,
    env: {},
    gpu_uuids: [],
    memory_bytes: 256 << 20,
    cpus: null,
    volumes: [],
    ...fields,
  }
}
