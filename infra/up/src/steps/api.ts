import { createServer } from 'node:net'
import { join } from 'node:path'
import { tryCommand } from '@gpulab/images'
import { checkout, nodeBinary } from '../checkout.ts'
import { findSecret, writeSecret } from '../keys.ts'
import { startPart, waitForPart, type Part } from '../part.ts'
import type { StateLayout } from '../state-layout.ts'

const program = join(checkout, 'apps/api/src/main.ts')

/** The first user of a system of one machine. */
export const accountEmail = 'admin@localhost'

/** Settings of the API; the caller's own DATABASE_URL and GPULAB_* are another system's. */
function apiEnvironment(layout: StateLayout, port: number, proxyUrl = ''): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    GPULAB_LISTEN: `127.0.0.1:${port},unix:${layout.apiSocket}`,
    GPULAB_DATA_DIR: layout.postgresDir,
    GPULAB_PEPPER_FILE: layout.pepperFile,
    GPULAB_ENCRYPTION_KEY_FILE: layout.encryptionKeyFile,
    GPULAB_STAND_INS_FILE: layout.standInsFile,
    GPULAB_GATEWAY_KEY_FILE: layout.gatewayKeyFile,
    ...(proxyUrl !== '' && { GPULAB_PROXY_URL: proxyUrl }),
  }
}

/** Makes the account and its API key the first time, and keeps the key. */
export async function ensureAccount(layout: StateLayout): Promise<string> {
  const known = await findSecret(layout.apiKeyFile)
  if (known !== undefined) return known
  const { exitCode, stdout, stderr } = await tryCommand(
    nodeBinary,
    [program, 'bootstrap', '--email', accountEmail],
    {
      timeoutMs: 90_000,
      env: apiEnvironment(layout, 0),
    },
  )
  if (exitCode !== 0) throw new Error(`The account could not be made. ${stderr.trim()}`)
  const apiKey = stdout.trim()
  await writeSecret(layout.apiKeyFile, apiKey)
  return apiKey
}

/** The port to listen on: the wanted one if it is free, any free one for 0. Throws one sentence. */
export async function choosePort(wanted: number, option = '--port'): Promise<number> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen(wanted, '127.0.0.1', resolve)
  try {
    await promise
    return (server.address() as { port: number }).port
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken by another program'
    throw new Error(`Port ${wanted} ${why}; choose another one with ${option}.`, { cause })
  } finally {
    server.close()
  }
}

/** Starts the API with its database and waits until it serves. */
export async function startApi(
  layout: StateLayout,
  { port, proxyUrl }: { port: number; proxyUrl: string },
  signal: AbortSignal,
): Promise<Part> {
  const part = await startPart({
    name: 'The API',
    command: nodeBinary,
    args: [program, 'serve'],
    env: apiEnvironment(layout, port, proxyUrl),
    logFile: join(layout.logsDir, 'api.log'),
    // The database writes its checkpoint in this time.
    graceMs: 30_000,
  })
  try {
    const answers = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
        ({ ok }) => ok,
        () => false,
      )
    await waitForPart(part, answers, { timeoutMs: 90_000, signal })
    return part
  } catch (error) {
    await part[Symbol.asyncDispose]()
    throw error
  }
}
