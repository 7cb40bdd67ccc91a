import {
  type Channel,
  GpulabError,
  OpenHostSession,
  parseJson,
  type Session,
  takeFrame,
  toJsonFrame,
} from '@gpulab/contract'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from '../clock.ts'

type CreateInput = OpenHostSession['session']

/** The API opens the channel while it makes sure that a session may be started. */
const firstFrameMs = 60_000

export async function serveOpening(
  { clock, create }: { readonly clock: Clock; readonly create: (input: CreateInput) => Promise<Session> },
  open: () => Promise<Channel>,
  attach: (id: string, channel: Channel) => Promise<void>,
): Promise<void> {
  const { frame, rest } = await orAbort(takeFrame(await open()), clock.timeout(firstFrameMs))
  // Whoever asked has thought better of it.
  if (!frame) return
  const opening = OpenHostSession.safeParse(parseJson(frame))
  if (!opening.success) throw new GpulabError('invalid_request', { cause: opening.error })
  const session = await create(opening.data.session)
  await rest.send(toJsonFrame({ type: 'opened', session }))
  await attach(session.id, rest)
}
