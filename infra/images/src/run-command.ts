import { spawn } from 'node:child_process'

/** What a finished command left. */
export interface CommandResult {
  exitCode: number
  stdout: string
  stderr: string
}

/** Runs a command to its end, or to `timeoutMs`, and collects its output. Throws only if it can't be started. */
export function tryCommand(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      env: options.env ?? { ...process.env, PATH: systemPath() },
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({
        exitCode: code ?? 124,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    )
  })
}

/** As `tryCommand`, but throws one sentence when the command fails; gives its standard output. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(command, args, options)
  if (exitCode === 0) return stdout
  const reason = stderr.trim().split('\n').slice(-3).join(' ') || `exit code ${exitCode}`
  throw new Error(`"${[command, ...args].join(' ')}" failed: ${reason}.`)
}

/** PATH with the folders of system tools, which the PATH of a user's shell often lacks. */
export function systemPath(): string {
  return [process.env.PATH, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
    .filter((entry) => entry)
    .join(':')
}
