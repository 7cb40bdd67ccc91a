import type { ContainerFacts, TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { listContainers } from '../src/docker/containers.ts'
import { type FakeControl, startFakeControl } from './fake-control.ts'
import { startTestAgent, type TestAgent, toWish } from './test-agent.ts'
import { startTestEngine, type TestEngine } from './test-engine.ts'

export interface TestHost extends AsyncDisposable {
  readonly engine: TestEngine
  readonly control: FakeControl
  readonly agent: TestAgent
  /** The GPUs that the agent announced. */
  readonly gpus: readonly string[]
  wish(fields?: Partial<TargetContainer>): TargetContainer
  /** Asks for a container and waits until it runs. */
  deploy(fields?: Partial<TargetContainer>): Promise<TargetContainer>
  /** Asks for a container that ends by itself and waits until it has. */
  runToEnd(fields: Partial<TargetContainer>): Promise<{ wanted: TargetContainer; facts: ContainerFacts }>
  /** All of our containers that the engine has for this uuid. */
  list(uuid: string): ReturnType<typeof listContainers>
}

type Settings = Record<string, string>

/** Engine, agent and control plane together, with settings for the agent that may depend on its engine. */
export async function startTestHost(
  settings: Settings | ((engine: TestEngine) => Promise<Settings>) = {},
): Promise<TestHost> {
  await using started = new AsyncDisposableStack()
  const engine = started.use(await startTestEngine())
  const control = started.use(await startFakeControl())
  const given = typeof settings === 'function' ? await settings(engine) : settings
  const agent = started.use(await startTestAgent(engine, control, given))
  const parts = started.move()
  const wish = (fields: Partial<TargetContainer> = {}): TargetContainer => toWish(engine.image, fields)
  return {
    engine,
    control,
    agent,
    gpus: (control.hellos[0]?.gpus ?? []).map(({ uuid }) => uuid),
    wish,
    deploy: async (fields) => {
      const wanted = wish(fields)
      control.want(wanted)
      const facts = await control.settled(wanted.uuid)
      if (facts?.state !== 'running')
        throw new Error(`It does not run: ${JSON.stringify(facts)}\n${agent.log()}`)
      return wanted
    },
    runToEnd: async (fields) => {
      const wanted = wish(fields)
      control.want(wanted)
      const facts = await eventually(
        async () => {
          const now = await control.settled(wanted.uuid)
          if (now?.state !== 'exited') throw new Error(`It has not ended: ${JSON.stringify(now)}`)
          return now
        },
        { timeoutMs: 30_000 },
      )
      return { wanted, facts }
    },
    list: (uuid) => listContainers(engine.engine, uuid),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
