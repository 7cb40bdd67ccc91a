import type { HotContext } from '../context.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { createSession } from '../sessions/run-session.ts'
import { type ExecInput, toNewSession } from './exec-input.ts'

/** Starts the command, and leaves it running. */
export async function runDetached(context: HotContext, reference: string, input: ExecInput): Promise<number> {
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  const session = await createSession(api, uuid, toNewSession(input), signal)
  output.render({ table: () => output.line(session.id), json: session, quiet: [session.id] })
  output.note(`  gpulab sessions attach ${reference} ${session.id.slice(0, 8)} shows what it writes.`)
  return 0
}
