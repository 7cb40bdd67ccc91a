import { spawn } from 'node:child_process'
import { constants } from 'node:os'

interface StepOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** Takes stdout and stderr, in place of ours. */
  readonly output?: number
}

/** Runs a program in the checkout with our output, to its end or ours; gives its exit code. */
export function runStep(
  command: string,
  args: readonly string[],
  { cwd, env, signal, output }: StepOptions,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', output ?? 'inherit', output ?? 'inherit'],
  })
  const end = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', end, { once: true })
  child.once('error', reject)
  child.once('close', (code, name) => resolve(code ?? 128 + constants.signals[name ?? 'SIGKILL']))
  return promise.finally(() => signal.removeEventListener('abort', end))
}
