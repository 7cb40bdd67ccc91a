import { type ErrorCode, type ExecOptions, type ExecResult, GpulabError } from '@gpulab/contract'
import { type Asker, audited } from '../audit/audited.ts'
import { describeCommand } from '../audit/describe-command.ts'
import type { getRunning } from '../containers/service.ts'
import type { Deps } from '../deps.ts'
import type { Forget, Remember } from '../idempotency/service.ts'

/** What the way to the host and the end of a killed command may take, over the command's own time. */
const graceMs = 10_000

/** Refusals of a host that has not begun to run the command. */
const notStarted: ReadonlySet<string> = new Set<ErrorCode>([
  'rate_limited',
  'engine_unavailable',
  'container_not_found',
  'container_not_running',
])

interface Execution {
  readonly running: ReturnType<typeof getRunning>
  readonly signal: AbortSignal
  readonly remember: Remember
  readonly forget: Forget
}

/** Runs a command in a running container of the team's and waits for it. Never runs it twice. */
export async function execCommand(
  deps: Pick<Deps, 'audit' | 'db' | 'clock' | 'uplinks' | 'log'>,
  asker: Asker,
  options: ExecOptions,
  { running, signal, remember, forget }: Execution,
): Promise<ExecResult> {
  const { row, host: placed } = await running
  const host = deps.uplinks.to(placed.uuid)
  // Before it is sent: whatever becomes of it, it was not to be sent twice.
  await remember(deps.db, null)
  const { command, user } = options
  const detail = { ...describeCommand(command), ...(user !== undefined && { user }) }
  try {
    return await audited(
      deps,
      asker,
      { action: 'exec', containerUuid: row.uuid, detail },
      () =>
        host.exec(
          { body: { ...options, container_uuid: row.uuid } },
          { signal, timeoutMs: options.timeout * 1000 + graceMs },
        ),
      ({ exit_code, timed_out }) => ({ exit_code, timed_out }),
    )
  } catch (error) {
    if (error instanceof GpulabError && notStarted.has(error.code)) await forget(deps.db)
    // The command may have been started by then, so it is not ours to say that trying again is safe.
    if (error instanceof GpulabError && error.code === 'host_unreachable') {
      throw new GpulabError('exec_outcome_unknown', {
        hint: 'The command may have run. Look for its effects before you try again.',
        cause: error,
      })
    }
    throw error
  }
}
