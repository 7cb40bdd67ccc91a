import { GpulabError } from '@gpulab/contract'
import type { HotContext } from '../context.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import type { ExecInput } from './exec-input.ts'

/** Of the command, in seconds, when none is given; the API's own default. */
const timeoutSeconds = 30
/** The API kills the command in time and answers; the request must not give up before. */
const answerMarginMs = 15_000

/** Runs a short command with one request, prints its result as JSON, and gives its exit code. */
export async function runCommand(context: HotContext, reference: string, input: ExecInput): Promise<number> {
  const { api, output, profile, signal } = context
  const timeout = input.timeoutMs === undefined ? timeoutSeconds : input.timeoutMs / 1000
  const uuid = await resolveContainerUuid(context, reference)
  const body = {
    command: input.command ?? [],
    timeout,
    env: input.env,
    ...(input.workdir !== undefined && { workdir: input.workdir }),
    ...(input.user !== undefined && { user: input.user }),
    ...(input.maxOutput !== undefined && { max_output: input.maxOutput }),
  }
  const timeoutMs = Math.max(profile.timeoutMs ?? 0, timeout * 1000 + answerMarginMs)
  const result = await api.exec
    .run({ params: { uuid }, body }, { signal, timeoutMs })
    .catch((error: unknown) => {
      throw error instanceof GpulabError && error.code === 'outcome_unknown' ? cutOff(error) : error
    })
  output.render({ table: () => {}, json: result, quiet: [] })
  return result.exit_code
}

const cutOff = (cause: GpulabError): GpulabError =>
  new GpulabError('exec_outcome_unknown', {
    message: 'The connection to the API was lost while the command ran.',
    cause,
  })
