import type { ApiContext } from '../context.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { changeState, type ChangeOptions } from './change-state.ts'
import { shortId } from './describe.ts'
import { resolveContainer } from './kind.ts'

export interface RedeployOptions extends ChangeOptions {
  readonly force: boolean
}

/** Makes a container anew from its image. What was written in it is lost, so it asks first. */
export async function redeploy(
  context: ApiContext,
  reference: string,
  { force, ...options }: RedeployOptions,
): Promise<void> {
  const deed = { what: 'Making a container anew', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const { uuid, name } = await resolveContainer(context, reference)
  await requireYes(context, deed, {
    question: `Make ${escapeText(name)} (${shortId(uuid)}) anew and lose all files in it?`,
    refused: 'Nothing was changed.',
  })
  await changeState(context, 'redeploy', uuid, options)
}
