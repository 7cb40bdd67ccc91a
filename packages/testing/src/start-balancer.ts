import { setTimeout as wait } from 'node:timers/promises'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

const lookMs = 100

/** A plain TCP balancer, as any: each new connection goes to the next server that says that it is ready. */
export async function startBalancer(ports: readonly number[]): Promise<TcpProxy> {
  let ready: readonly number[] = []
  let turn = 0
  const stopping = new AbortController()
  const isReady = (port: number): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
      ({ status }) => status === 200,
      () => false,
    )
  const look = async (): Promise<void> => {
    const answers = await Promise.all(ports.map(isReady))
    ready = ports.filter((_, n) => answers[n])
  }
  const keepLooking = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await look()
      await wait(lookMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  await look()
  const looking = keepLooking()
  // With none that is ready it would refuse; port 1 does.
  const proxy = await startTcpProxy({ target: () => ({ port: ready[turn++ % ready.length] ?? 1 }) })
  return {
    ...proxy,
    [Symbol.asyncDispose]: async () => {
      stopping.abort()
      await looking
      await proxy[Symbol.asyncDispose]()
    },
  }
}
