import type { FailPointName } from '@gpulab/fail-points'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FailPointHolder extends AsyncDisposable {
  readonly path: string
  /** Holds the next process that comes to this point; resolves when it is there. */
  hold(name: FailPointName): Promise<void>
  /** Lets go whoever is held. */
  release(): void
}

/** Holds processes at named places, see packages/fail-points. */
export async function startFailPointHolder(): Promise<FailPointHolder> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-hold-'))
  const path = join(folder, 'socket')
  let wanted: { readonly name: string; readonly reached: () => void } | undefined
  const held = new Set<Socket>()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (line: Buffer) => {
      const { name } = JSON.parse(line.toString()) as { name: string }
      if (name !== wanted?.name) return void socket.end()
      held.add(socket)
      wanted.reached()
      wanted = undefined
    })
  }).listen(path)
  await once(server, 'listening')
  const release = (): void => {
    for (const socket of held) socket.destroy()
    held.clear()
  }
  return {
    path,
    hold: (name) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      wanted = { name, reached: resolve }
      return promise
    },
    release,
    [Symbol.asyncDispose]: async () => {
      release()
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
