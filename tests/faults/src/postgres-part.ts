import { type PostgresServer, startPostgres } from '@gpulab/embedded-postgres'
import { existsSync } from 'node:fs'
import { eventually, findFreePort } from '@gpulab/testing'
import type { Part } from './part.ts'

export interface PostgresPart extends Part {
  /** The same after each start. */
  readonly url: string
  readonly port: number
}

/** A real server, started, with all its care for what was committed: what is lost over a kill is a finding. */
export async function createPostgresPart(
  stack: AsyncDisposableStack,
  dataDir: string,
): Promise<PostgresPart> {
  const first = await startPostgres({ dataDir, port: await findFreePort() })
  const { url, port } = first
  let server: PostgresServer | undefined = first
  stack.defer(async () => server?.stop())
  return {
    url,
    port,
    pid: () => server?.pid ?? 0,
    kill: async () => {
      if (server) await killProcess(server.pid)
      server = undefined
    },
    start: async () => {
      // One that could not go on by itself has ended.
      if (!server || !isAlive(server.pid)) server = await startPostgres({ dataDir, port })
    },
  }
}

/** A zombie is not. */
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/exe`)

/** Kills a process that is not our child, or whose end somebody else waits for. */
export async function killProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await eventually(() => {
    if (isAlive(pid)) throw new Error(`Process ${pid} does not end.`)
  })
}
