import { GpulabError } from '@gpulab/contract'
import { parseEnvironment } from '../containers/parse-input.ts'
import { parseDuration } from '../output/duration.ts'
import { parseSize } from '../output/size.ts'
import type { ExecInput } from './exec-input.ts'

export interface ExecFlags {
  readonly stdin?: boolean
  readonly tty?: boolean
  readonly interactive?: boolean
  readonly detach?: boolean
  readonly timeout?: string | undefined
  readonly env?: readonly string[] | undefined
  readonly workdir?: string | undefined
  readonly user?: string | undefined
  readonly 'max-output'?: string | undefined
}

/** What the flags of `exec` ask for, or what is wrong with them. */
export function toExecInput(container: string, flags: ExecFlags, command: readonly string[]): ExecInput {
  if (command.length === 0 && !flags.interactive) {
    throw new GpulabError('invalid_request', {
      message: 'There is no command to run.',
      hint: `Write it after --, as in gpulab exec ${container} -- nvidia-smi.`,
    })
  }
  const { stdin = false, tty = false, interactive = false, detach = false } = flags
  return {
    command: command.length === 0 ? undefined : [...command],
    env: parseEnvironment(flags.env ?? [], process.env),
    timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout),
    workdir: flags.workdir,
    user: flags.user,
    maxOutput: flags['max-output'] === undefined ? undefined : parseSize(flags['max-output'], 1),
    stdin: stdin || interactive,
    tty: tty || interactive,
    detached: detach,
  }
}

export type ShellFlags = Pick<ExecFlags, 'tty' | 'env' | 'workdir' | 'user'>

/** What the flags of `ssh` ask for: the login shell, or a command with standard input. */
export const toShellInput = (flags: ShellFlags, command: readonly string[]): ExecInput => ({
  command: command.length === 0 ? undefined : [...command],
  env: parseEnvironment(flags.env ?? [], process.env),
  timeoutMs: undefined,
  workdir: flags.workdir,
  user: flags.user,
  maxOutput: undefined,
  stdin: true,
  tty: flags.tty === true || command.length === 0,
  detached: false,
})
