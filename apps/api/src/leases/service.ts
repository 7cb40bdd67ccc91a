import { hostSilenceMs } from '../containers/view.ts'
import type { Transaction } from '../db/connect.ts'
import { type Card } from './choose-cards.ts'
import { listFreeCards, listLastCards } from './store.ts'

/** Hosts that were heard of since then can be given work. */
export const aliveSince = (now: Date): Date => new Date(now.getTime() - hostSilenceMs)

/** The cards that a container on a locked host was made with, and those that are free there. */
export async function readCards(
  tx: Transaction,
  hostUuid: string,
  { uuid, generation }: { readonly uuid: string; readonly generation: number },
): Promise<{ last: Card[]; free: Card[] }> {
  const [last, free] = await Promise.all([listLastCards(tx, uuid, generation), listFreeCards(tx, hostUuid)])
  return { last, free }
}
