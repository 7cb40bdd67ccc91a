import { GpulabError, type Session } from '@gpulab/contract'

/** How a session has ended. */
export interface Ending {
  /** The program's own, 128 + n after signal n; null where it is not known. */
  readonly exitCode: number | null
  readonly signal: string | null
  /** `exited` is the program's own doing. */
  readonly reason: string
  /** Why the program could not be run, as a shell would say it. */
  readonly message: string | null
}

export const toEnding = (
  end: Pick<Session, 'exit_code' | 'signal' | 'message'> & { readonly reason: string | null },
): Ending => ({
  exitCode: end.exit_code,
  signal: end.signal,
  reason: end.reason ?? 'lost',
  message: end.message,
})

const sentences: Record<string, string> = {
  container_ended: 'The container ended while the command ran.',
  guest_killed: 'Something in the container has killed the process that runs its commands.',
  lost: 'The agent of the host was restarted while the command ran.',
}

/** An end without an exit code is a failure of ours. */
export function requireExitCode({ exitCode, reason, message }: Ending): number {
  if (exitCode !== null) return exitCode
  const sentence = sentences[reason] ?? 'How the command ended is not known.'
  throw new GpulabError(reason === 'container_ended' ? 'container_not_running' : 'command_failed', {
    message: message ? `${sentence} ${message}` : sentence,
    details: { reason },
  })
}
