// A process of simulated agents; the bench forks it and tells it what to do.
import { agent } from '@gpulab/contract'
import { createServe, createServer, createUplinkServer } from '@gpulab/http'
import { shapeOf } from './host-shape.ts'
import type { DriverState, Order, StartOrder } from './protocol.ts'
import { SimulatedAgent } from './simulated-agent.ts'
import { createTally } from './tally.ts'

const tally = createTally()
const agents: SimulatedAgent[] = []

/** One server for all: which host it is makes no difference to what the bench asks. */
function createUplinks() {
  const app = createServer({ logger: false })
  createServe(app, async () => null)(agent.health, async () => ({
    version: '0.0.0-simulated',
    engine: { available: true, message: null },
  }))
  return createUplinkServer(app)
}

function start({ from, to, apiUrl, joinTokens, uplinks }: StartOrder): void {
  const server = uplinks ? createUplinks() : undefined
  for (let index = from; index < to; index++) {
    const joinToken = joinTokens[index] ?? ''
    const options = { shape: shapeOf(index), apiUrl, joinToken, uplinks: server, tally }
    const simulated = new SimulatedAgent(options)
    agents.push(simulated)
    void simulated.run()
  }
}

const sum = (of: (simulated: SimulatedAgent) => number): number =>
  agents.reduce((total, each) => total + of(each), 0)

const stateNow = (): DriverState => ({
  running: sum(({ engine }) => engine.running()),
  uplinks: sum(({ isUplinked }) => (isUplinked ? 1 : 0)),
  doubleUses: sum(({ engine }) => engine.doubleUses()),
  ...tally,
})

process.on('message', (order: Order) => {
  if (order.do === 'start') start(order)
  if (order.do === 'stop') process.exit()
  process.send?.(stateNow())
})
// Whoever asked is gone.
process.once('disconnect', () => process.exit())
