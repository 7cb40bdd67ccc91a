import { join } from 'node:path'
import { tryCommand, type CommandResult } from '@gpulab/images'
import { cliFolder } from '../checkout.ts'
import type { StateLayout } from '../state-layout.ts'

/** Runs the built CLI as this system's user would. */
export function tryGpulab(
  layout: StateLayout,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  return tryCommand(join(cliFolder, 'gpulab'), args, {
    timeoutMs: 330_000,
    env: {
      PATH: process.env['PATH'],
      HOME: layout.stateDir,
      GPULAB_CONFIG: layout.cliConfig,
      CI: 'true',
      ...env,
    },
  })
}

/** As `tryGpulab`; gives its standard output, and throws what the command said when it fails. */
export async function runGpulab(
  layout: StateLayout,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryGpulab(layout, args, env)
  if (exitCode === 0) return stdout
  throw new Error(`"gpulab ${args.join(' ')}" ended with exit code ${exitCode}: ${(stderr || stdout).trim()}`)
}

/** As `runGpulab`, with --json: gives the parsed document. */
export async function readGpulab<T>(layout: StateLayout, args: readonly string[]): Promise<T> {
  const separator = args.includes('--') ? args.indexOf('--') : args.length
  return JSON.parse(await runGpulab(layout, args.toSpliced(separator, 0, '--json'))) as T
}
