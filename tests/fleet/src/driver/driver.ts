import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DriverState, Order, StartOrder } from './protocol.ts'

const program = fileURLToPath(new URL('main.ts', import.meta.url))

/** Processes with all simulated agents, each with a share of the hosts. */
export interface Drivers extends AsyncDisposable {
  readonly pids: readonly number[]
  start(fleet: Omit<StartOrder, 'do' | 'from' | 'to'> & { hosts: number }): Promise<void>
  state(): Promise<DriverState>
}

interface Driver {
  readonly pid: number
  tell(order: Order): Promise<DriverState>
  end(): Promise<void>
}

export function startDrivers(count: number): Drivers {
  const drivers = Array.from({ length: count }, startDriver)
  return {
    pids: drivers.map(({ pid }) => pid),
    start: async ({ hosts, ...order }) => {
      const share = Math.ceil(hosts / count)
      const starts = drivers.map((driver, n) =>
        driver.tell({ do: 'start', ...order, from: n * share, to: Math.min(hosts, (n + 1) * share) }),
      )
      await Promise.all(starts)
    },
    state: async () => {
      const states = await Promise.all(drivers.map((driver) => driver.tell({ do: 'state' })))
      return states.reduce(addStates)
    },
    [Symbol.asyncDispose]: async () => void (await Promise.all(drivers.map((driver) => driver.end()))),
  }
}

function startDriver(): Driver {
  const child = fork(program)
  const exited = once(child, 'exit')
  const failed = exited.then(() => {
    throw new Error(`A driver process ended (${child.signalCode ?? child.exitCode}).`)
  })
  failed.catch(() => {})
  return {
    pid: child.pid ?? 0,
    tell: async (order) => {
      const answer = once(child, 'message')
      child.send(order)
      const [state] = (await Promise.race([answer, failed])) as [DriverState]
      return state
    },
    end: async () => {
      if (child.connected) child.send({ do: 'stop' } satisfies Order)
      await exited
    },
  }
}

const addStates = (left: DriverState, right: DriverState): DriverState => ({
  running: left.running + right.running,
  uplinks: left.uplinks + right.uplinks,
  doubleUses: left.doubleUses + right.doubleUses,
  calls: addCounts(left.calls, right.calls),
  failures: addCounts(left.failures, right.failures),
})

const addCounts = (left: Record<string, number>, right: Record<string, number>): Record<string, number> =>
  Object.fromEntries(
    [...new Set([...Object.keys(left), ...Object.keys(right)])].map((name) => [
      name,
      (left[name] ?? 0) + (right[name] ?? 0),
    ]),
  )
