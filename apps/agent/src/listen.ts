import type { Server } from '@gpulab/http'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { ConfigError } from './config.ts'

/** Serves on a Unix socket that only its owner can open. A socket that a killed agent left is replaced. */
export async function listenOnSocket(app: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  if (await isServed(path)) {
    throw new ConfigError(
      `Another agent already serves on ${path}; stop it or choose another GPULAB_AGENT_SOCKET.`,
    )
  }
  await rm(path, { force: true })
  // The mode counts from the first moment on: there is none in which others could connect.
  const before = process.umask(0o177)
  try {
    await app.listen({ path })
  } finally {
    process.umask(before)
  }
  await chmod(path, 0o600)
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
