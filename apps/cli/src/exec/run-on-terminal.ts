import type { ApiContext } from '../context.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { startAndFollow } from '../sessions/follow.ts'
import { followOnTerminal } from '../sessions/follow-on-terminal.ts'
import type { Interruption } from '../sessions/interruption.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import { terminalSize } from '../terminal/open-terminal.ts'
import { startWatchdog } from '../terminal/watchdog.ts'
import { type ExecInput, toNewSession } from './exec-input.ts'
import { finish } from './finish.ts'

/** Runs the command, or a shell, on this terminal. */
export async function runOnTerminal(
  context: ApiContext,
  interruption: Interruption,
  reference: string,
  input: ExecInput,
): Promise<number> {
  const uuid = await resolveContainerUuid(context, reference)
  const create = toNewSession(withTerm(input), terminalSize())
  const watchdog = startWatchdog()
  try {
    const followed = await startAndFollow(context, uuid, create, ({ id }) => {
      const onClient = (client: SessionClient): void =>
        interruption.forwardTo((name) => client.sendSignal(name))
      const options = { isTyped: input.stdin, isNew: true, watchdog, onClient }
      return followOnTerminal(context, { uuid, id }, options)
    })
    return finish(context, followed, input)
  } finally {
    // Where it never came to a session.
    void watchdog.then((each) => each.dismiss())
  }
}

/** Programs in the container write for the terminal that is here. */
function withTerm(input: ExecInput): ExecInput {
  const { TERM: term } = process.env
  return term ? { ...input, env: { TERM: term, ...input.env } } : input
}
