import type { Container, Session } from '@gpulab/contract'
import { startTcpProxy, type TcpProxy } from '@gpulab/testing'
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { startSystem, type System } from './start-system.ts'

/** A system with one container, "workshop", in which the tests of a file run commands. */
export interface Workshop {
  readonly system: System
  /** In front of the API; healed after each test. */
  readonly proxy: TcpProxy
  /** For clients that are to be cut off. */
  proxied(): { apiUrl: string }
  exec(...args: string[]): ReturnType<System['gpulab']>
  /** A script in the container. */
  sh(script: string): ReturnType<System['gpulab']>
  list(): Promise<Session[]>
  running(): Promise<Session[]>
}

export const workshop = 'workshop'

/** To be called at the top of a file. */
export function useWorkshop(): Workshop {
  let system: System
  let proxy: TcpProxy
  const shop: Workshop = {
    get system() {
      return system
    },
    get proxy() {
      return proxy
    },
    proxied: () => ({ apiUrl: `http://127.0.0.1:${proxy.port}` }),
    exec: (...args) => system.gpulab(['exec', workshop, ...args]),
    sh: (script) => shop.exec('--', 'sh', '-c', script),
    list: async () =>
      JSON.parse((await system.gpulab(['sessions', 'ls', workshop, '--all', '--json'])).stdout) as Session[],
    running: async () => (await shop.list()).filter(({ state }) => state === 'running'),
  }
  beforeAll(async () => {
    system = await startSystem()
    proxy = await startTcpProxy({ target: { port: system.apiPort } })
    const options = ['--template', 'ubuntu', '--memory', '1', '--wait']
    await system.json<Container>('deploy', '--name', workshop, ...options)
  })
  afterEach(async () => {
    proxy.heal()
    // Whatever a failed test has left is no other one's.
    for (const { id } of await shop.running()) await system.gpulab(['sessions', 'kill', workshop, id])
  })
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await system?.[Symbol.asyncDispose]()
  })
  return shop
}

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
