import { run, writeSecret } from '@gpulab/testing'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hostName } from './host.ts'
import { createProgramPart, type Part } from './part.ts'
import { apiProgram } from './programs.ts'

export interface ControlPlane {
  /** One for each port. */
  readonly apis: readonly Part[]
  readonly apiKey: string
  /** A file with a token that one host may join with. */
  readonly joinTokenFile: string
  readonly logFiles: readonly string[]
}

/** The API, once or several times over one database, with its first administrator. Not started. */
export async function createControlPlane(
  stack: AsyncDisposableStack,
  { dir, ports, env }: { dir: string; ports: readonly number[]; env: NodeJS.ProcessEnv },
): Promise<ControlPlane> {
  const shared = {
    ...env,
    GPULAB_PEPPER_FILE: await writeSecret(dir, 'pepper'),
    GPULAB_ENCRYPTION_KEY_FILE: await writeSecret(dir, 'encryption-key'),
  }
  const ask = async (...arguments_: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(process.execPath, [apiProgram, ...arguments_], { env: shared })
    if (code !== 0) throw new Error(`${arguments_[0]} failed: ${stderr}`)
    return stdout.trim()
  }
  const apiKey = await ask('bootstrap', '--email', 'ann@example.com')
  const joinTokenFile = join(dir, 'join-token')
  await writeFile(joinTokenFile, await ask('invite', '--host-name', hostName), { mode: 0o600 })
  const replicas = ports.map((port, n) => {
    const logFile = join(dir, `api-${n}.log`)
    const replica = { ...shared, GPULAB_LISTEN: `127.0.0.1:${port}` }
    return { logFile, part: createProgramPart({ args: [apiProgram, 'serve'], env: replica, logFile }) }
  })
  for (const { part } of replicas) stack.defer(() => part.stop())
  return {
    apis: replicas.map(({ part }) => part),
    apiKey,
    joinTokenFile,
    logFiles: replicas.map(({ logFile }) => logFile),
  }
}
