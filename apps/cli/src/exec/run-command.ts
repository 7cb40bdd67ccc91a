import { type ExecResult, GpulabError, outputMaxBytes } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { resolveContainerUuid } from '../containers/kind.ts'

/** Of the command, in seconds, when none is given; the API's own default. */
const timeoutSeconds = 30
/** The API kills the command in time and answers; the request must not give up before. */
const answerMarginMs = 15_000

export interface ExecInput {
  readonly command: string[]
  readonly env: Record<string, string>
  readonly timeoutMs: number | undefined
  readonly workdir: string | undefined
  readonly user: string | undefined
  readonly maxOutput: number | undefined
}

/** Runs the command, prints what it printed, and gives its exit code. */
export async function runCommand(context: ApiContext, reference: string, input: ExecInput): Promise<number> {
  const { api, output, profile, signal } = context
  const timeout = input.timeoutMs === undefined ? timeoutSeconds : input.timeoutMs / 1000
  const uuid = await resolveContainerUuid(context, reference)
  const body = {
    command: input.command,
    timeout,
    env: input.env,
    ...(input.workdir !== undefined && { workdir: input.workdir }),
    ...(input.user !== undefined && { user: input.user }),
    ...maxOutput(input.maxOutput, output.mode === 'json'),
  }
  const timeoutMs = Math.max(profile.timeoutMs ?? 0, timeout * 1000 + answerMarginMs)
  const result = await api.exec
    .run({ params: { uuid }, body }, { signal, timeoutMs })
    .catch((error: unknown) => {
      throw error instanceof GpulabError && error.code === 'outcome_unknown' ? cutOff(error) : error
    })
  if (output.mode === 'json') output.render({ table: () => {}, json: result, quiet: [] })
  else writeResult(context, result, timeout)
  const mustBeWhole = output.mode !== 'json' && input.maxOutput === undefined && !result.timed_out
  if (mustBeWhole) requireWhole(result)
  return result.exit_code
}

/** Bytes that go to a file or a pipe shall be all of them, as far as that can be had. */
const maxOutput = (asked: number | undefined, isJson: boolean): { max_output?: number } => {
  if (asked !== undefined) return { max_output: asked }
  return isJson ? {} : { max_output: outputMaxBytes }
}

/** Part of an output that looks like all of it would be believed. */
function requireWhole({
  stdout_truncated: stdout,
  stderr_truncated: stderr,
  exit_code: code,
}: ExecResult): void {
  if (!stdout && !stderr) return
  throw new GpulabError('output_truncated', {
    message: `The command ended with exit code ${code}, but its ${stdout ? 'stdout' : 'stderr'} was cut off after ${outputMaxBytes >> 20} MiB.`,
    hint: 'Let the command write to a file or print less; --max-output says how much you want.',
  })
}

const cutOff = (cause: GpulabError): GpulabError =>
  new GpulabError('exec_outcome_unknown', {
    message: 'The connection to the API was lost while the command ran.',
    cause,
  })

function writeResult({ output }: ApiContext, result: ExecResult, timeout: number): void {
  process.stdout.write(toBytes(result.stdout, result.stdout_encoding))
  process.stderr.write(toBytes(result.stderr, result.stderr_encoding))
  for (const stream of ['stdout', 'stderr'] as const) {
    if (result[`${stream}_truncated`]) output.warn(`${stream} was cut off at --max-output.`)
  }
  if (result.timed_out)
    output.warn(`The command was ended after ${timeout} s; give it longer with --timeout.`)
}

const toBytes = (text: string, encoding: ExecResult['stdout_encoding']): Buffer =>
  Buffer.from(text, encoding === 'base64' ? 'base64' : 'utf8')
