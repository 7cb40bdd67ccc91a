import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** Runs a program in the checkout with our output, to its end or ours; gives its exit code. */
export function runStep(
  command: string,
  args: readonly string[],
  { cwd, env, signal }: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  const end = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', end, { once: true })
  child.once('error', reject)
  child.once('close', (code, name) => resolve(code ?? 128 + constants.signals[name ?? 'SIGKILL']))
  return promise.finally(() => signal.removeEventListener('abort', end))
}
