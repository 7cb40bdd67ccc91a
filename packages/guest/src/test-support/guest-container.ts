import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { callEngineJson } from '@gpulab/images'
import { ensureGuestBuilt } from '../ensure-guest-built.ts'
import type { GuestConnection } from '../guest-connection.ts'
import { createGuestListener } from '../guest-listener.ts'

/** What a test's container is made of; `host` goes into Docker's HostConfig. */
export interface GuestContainerOptions {
  readonly image: string
  readonly user?: string
  readonly command?: readonly string[]
  readonly host?: Record<string, unknown>
}

/** As hard as an agent makes a container, and harder. */
export const hardened = {
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  PidsLimit: 64,
  Init: true,
}
export const guestCommand = ['/.gpulab/gpulab-guest', '/.gpulab-run/agent.sock']

/** A container, with the guest started in it as the agent does it. */
export async function startGuestContainer(dockerHost: string, options: GuestContainerOptions) {
  const program = await ensureGuestBuilt()
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-guest-'))
  const connections: GuestConnection[] = []
  let wake = (): void => undefined
  const onConnection = (connection: GuestConnection): void => {
    connections.push(connection)
    wake()
  }
  const listen = () => createGuestListener({ directory: join(folder, 'run'), onConnection })
  let listener = await listen()
  const body = {
    Image: options.image,
    Cmd: options.command ?? ['sleep', '100000'],
    ...(options.user !== undefined && { User: options.user }),
    HostConfig: {
      ...options.host,
      Binds: [`${dirname(program)}:/.gpulab:ro`, `${join(folder, 'run')}:/.gpulab-run:ro`],
    },
  }
  const post = <T>(path: string, json?: unknown) =>
    callEngineJson<T>(dockerHost, path, { method: 'POST', json })
  const { Id: id } = await post<{ Id: string }>('/containers/create', body)
  await post(`/containers/${id}/start`)
  const connect = async (): Promise<GuestConnection> => {
    while (connections.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return connections.shift() as GuestConnection
  }
  const start = async (): Promise<GuestConnection> => {
    const { Id } = await post<{ Id: string }>(`/containers/${id}/exec`, { Cmd: guestCommand })
    await post(`/exec/${Id}/start`, { Detach: true })
    return connect()
  }
  const restartAgent = async (): Promise<GuestConnection> => {
    await listener.close()
    listener = await listen()
    return connect()
  }
  const dispose = async (): Promise<void> => {
    await callEngineJson(dockerHost, `/containers/${id}?force=1&v=1`, { method: 'DELETE' })
    await listener.close()
    await rm(folder, { recursive: true })
  }
  return { id, post, connect, start, restartAgent, [Symbol.asyncDispose]: dispose }
}
