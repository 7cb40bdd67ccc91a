import type { HotContext } from '../context.ts'
import { startAndFollow } from '../sessions/follow.ts'
import { followOnTerminal } from '../sessions/follow-on-terminal.ts'
import type { Interruption } from '../sessions/interruption.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import { openDevice } from '../terminal/open-device.ts'
import { type ExecInput, toNewSession } from './exec-input.ts'
import { finish } from './finish.ts'

/** Runs the command, or a shell, on this terminal. */
export async function runOnTerminal(
  context: HotContext,
  interruption: Interruption,
  reference: string,
  input: ExecInput,
): Promise<number> {
  const device = openDevice()
  const create = toNewSession(withTerm(input), device.size())
  // Once the request has left: it takes 1 to 2 ms, in which nothing else is done here.
  const preparing = setTimeout(device.prepare, 1)
  try {
    const followed = await startAndFollow(
      context,
      reference,
      create,
      ({ session: { id, container_uuid: uuid }, channel }) => {
        const onClient = (client: SessionClient): void =>
          interruption.forwardTo((name) => client.sendSignal(name))
        const options = { isTyped: input.stdin, isNew: true, channel, device, onClient }
        return followOnTerminal(context, { uuid, id }, options)
      },
    )
    return finish(context, followed, input)
  } finally {
    clearTimeout(preparing)
    // Where it never came to a session.
    device.giveBack()
  }
}

/** Programs in the container write for the terminal that is here. */
function withTerm(input: ExecInput): ExecInput {
  const { TERM: term } = process.env
  return term ? { ...input, env: { TERM: term, ...input.env } } : input
}
