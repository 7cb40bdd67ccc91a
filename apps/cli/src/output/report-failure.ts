import { type ErrorCode, type ErrorEnvelope, GpulabError } from '@gpulab/contract'
import { formatUptime } from './duration.ts'
import { escapeText } from './escape.ts'
import { nextStep } from './next-step.ts'
import { formatSize } from './size.ts'
import { suggest } from '../suggest.ts'

/** Of `exec`: every failure of the platform, so that it differs from the command's own codes. */
const execPlatformExitCode = 125

export interface FailureOptions {
  readonly isJson: boolean
  /** Whether the command was `exec` or the like, whose exit codes belong to what runs in the container. */
  readonly isExec: boolean
  /** Whether an agent called a tool: it has no flags. */
  readonly isTool?: boolean
  /** Whether the user wrote the path of the request, and not only the API's address. */
  readonly hasOwnPath?: boolean
  /** The hint for a missing argument. */
  readonly ifMissing?: string | undefined
  /** Of the command, without their dashes. */
  readonly flagNames?: readonly string[]
}

type UsageHints = Pick<FailureOptions, 'ifMissing' | 'flagNames'>

export interface FailureReport {
  readonly text: string
  readonly exitCode: number
}

/** The one place where a failure becomes text and an exit code. */
export function reportFailure(error: unknown, options: FailureOptions): FailureReport {
  const { isJson, isExec } = options
  const failure = toFailure(error, options)
  const exitCode = exitCodeOf(failure, isExec)
  const hint = hintOf(failure, options)
  if (isJson) {
    const body: ErrorEnvelope = failure.toEnvelope()
    const text = JSON.stringify({
      error: { ...body.error, ...(hint !== undefined && { hint }), exit_code: exitCode, origin: 'platform' },
    })
    return { text: `${text}\n`, exitCode }
  }
  const second = hint === undefined ? '' : `  ${escapeText(hint)}\n`
  const third = isForOperators(failure) ? `  Request id: ${escapeText(failure.requestId ?? '')}\n` : ''
  return { text: `gpulab: ${escapeText(toPlain(failure))}\n${second}${third}`, exitCode }
}

function hintOf(failure: GpulabError, { isTool, hasOwnPath }: FailureOptions): string | undefined {
  // The server speaks to whoever wrote the path, which for most commands is this program.
  if (failure.code === 'route_not_found' && !hasOwnPath) return nextStep(failure)
  if (failure.code === 'invalid_request' && isTool) return failure.hint
  return failure.hint ?? nextStep(failure)
}

/** What its logs say more of than the message; what a user can mend alone needs no id. */
const isForOperators = ({ status, requestId, hint }: GpulabError): boolean =>
  status >= 500 && requestId !== undefined && hint?.includes(requestId) !== true

/** "body.host_name: too long" is about the request, which people do not see. */
const toPlain = ({ code, message }: GpulabError): string =>
  code === 'invalid_request'
    ? message
        .replaceAll(
          /(?<=^|; )(?:body|query|params)\.([\w.]+): Too (big|small): expected number to be [<>]=(\d+)/g,
          (_, field: string, kind: string, limit: string) =>
            `${toWords(field)}: at ${kind === 'big' ? 'most' : 'least'} ${toAmount(field, Number(limit))}`,
        )
        .replaceAll(
          /(?<=^|; )(?:body|query|params)\.([\w.]+): /g,
          (_, field: string) => `${toWords(field)}: `,
        )
    : message

const toWords = (field: string): string => field.replace(/_bytes$/, '').replaceAll('_', ' ')

const toAmount = (field: string, limit: number): string => {
  if (field.endsWith('bytes')) return formatSize(limit)
  return /(^|_)(ttl|timeout)$/.test(field) ? formatUptime(limit) : String(limit)
}

/** Mistakes in how `exec` was called, an interruption and a wait that is over are the same there as everywhere. */
function exitCodeOf(failure: GpulabError, isExec: boolean): number {
  const { code } = failure
  const isOwn = ownCodes.has(code)
  if (isExec && !isOwn) return execPlatformExitCode
  return failure instanceof UnexpectedError ? 1 : failure.exitCode
}

const ownCodes: ReadonlySet<ErrorCode> = new Set([
  'invalid_request',
  'input_required',
  'interrupted',
  'wait_timeout',
])

/** A mistake in this program; trying again does not help, so it is not the server's `internal`. */
class UnexpectedError extends GpulabError {}

function toFailure(error: unknown, options: UsageHints): GpulabError {
  if (error instanceof GpulabError) return error
  if (isUsageError(error)) return toUsageFailure(error.message, options)
  if (isWriteError(error)) return toWriteFailure(error)
  const message = error instanceof Error ? error.message : String(error)
  return new UnexpectedError('internal', {
    message: `gpulab met a problem that it did not expect: ${message}`,
    hint: 'Run it again with --debug, and tell the operator what it prints.',
    cause: error,
  })
}

/** Of the standard streams: only they are written to without a path. */
const isWriteError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && error.syscall === 'write' && !('path' in error)

const toWriteFailure = (error: NodeJS.ErrnoException): GpulabError =>
  new UnexpectedError('internal', {
    message: `What it prints could not be written: ${error.message.replace(/, write$/, '')}.`,
    hint: 'Look at where standard output goes to: a full disk, or a file that may not be written.',
    cause: error,
  })

/** What the argument parser throws. */
const isUsageError = (error: unknown): error is Error & { oclif: { exit?: number } } =>
  error instanceof Error && 'oclif' in error

/** The parser's message is a sentence, sometimes a list, and a pointer to the help. */
function toUsageFailure(message: string, { ifMissing, flagNames = [] }: UsageHints): GpulabError {
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'See more help with --help')
  const sentence = lines
    .join(' ')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^Nonexistent flags?: /, 'There is no flag ')
    .replace(/^Missing \d+ required args?: (\w+).*/, (_, name: string) => `${name.toUpperCase()} is missing`)
    .replace(/^(?:Missing required flag \S+ ?)+$/, (all) => {
      const names = all.match(/\S+(?= Missing|$)/g)?.map((name) => `--${name}`) ?? []
      return `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} missing`
    })
    .replace(/^Parsing (--\S+)\s+/, '$1: ')
    // The value may be a secret, and it is not what is wrong.
    .replaceAll(/(--[\w-]+)=.*? cannot also be provided/g, '$1 cannot also be provided')
    .replaceAll(/(--\S+)=true /g, '$1 ')
  return new GpulabError('invalid_request', {
    message: /[.!?]$/.test(sentence) ? sentence : `${sentence}.`,
    hint:
      (/Missing \d+ required arg/.test(message) && ifMissing) ||
      meantFlag(message, flagNames) ||
      'Add --help to see how the command is used.',
  })
}

function meantFlag(message: string, flagNames: readonly string[]): string | undefined {
  const typed = /^Nonexistent flag: --([\w-]{3,})$/m.exec(message)?.[1]
  const near = typed === undefined ? undefined : suggest(typed, flagNames)
  return near === undefined ? undefined : `Did you mean --${near}? --help shows all.`
}
