import type { NewSession } from '../sessions/open-at-once.ts'

/** What a command line of `exec` or `ssh` asks for. */
export interface ExecInput {
  /** None: the login shell. */
  readonly command: string[] | undefined
  readonly env: Record<string, string>
  readonly timeoutMs: number | undefined
  readonly workdir: string | undefined
  readonly user: string | undefined
  readonly maxOutput: number | undefined
  /** Whether standard input is forwarded. */
  readonly stdin: boolean
  readonly tty: boolean
  readonly detached: boolean
}

export const toNewSession = (
  { command, env, timeoutMs, workdir, user, stdin, detached }: ExecInput,
  tty: { columns: number; rows: number } | null = null,
): NewSession => ({
  env,
  stdin,
  tty,
  detached,
  ...(command && { command }),
  ...(timeoutMs !== undefined && { timeout: timeoutMs / 1000 }),
  ...(workdir !== undefined && { workdir }),
  ...(user !== undefined && { user }),
})
