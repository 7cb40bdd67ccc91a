import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { printDone, printList } from '../output/list.ts'
import { formatMoney } from '../output/money.ts'
import { listAll } from '../pages.ts'
import { resolveTeam } from './kinds.ts'

export async function listCredits(context: ApiContext, reference: string): Promise<void> {
  const { api, output, signal } = context
  const { uuid, name } = await resolveTeam(context, reference)
  let balance = ''
  let currency = ''
  const credits = await listAll(async (query) => {
    const page = await api.admin.credits.list({ params: { uuid }, query }, { signal })
    balance = page.balance
    currency = page.currency
    return page
  })
  printList(output, credits, {
    headings: ['WHEN', 'AMOUNT', 'NOTE'],
    toRow: ({ at, amount, note }) => [formatTime(at), formatMoney(amount, currency), escapeText(note)],
    toId: ({ id }) => String(id),
    ifNone: 'No credits.',
  })
  output.note(`  ${escapeText(name)} has ${formatMoney(balance, currency)} left.`)
}

export async function addCredit(
  context: ApiContext,
  reference: string,
  { amount, note }: { amount: string; note: string },
): Promise<void> {
  const { api, output, signal } = context
  const { uuid, name } = await resolveTeam(context, reference)
  const credit = await api.admin.credits.add({ params: { uuid }, body: { amount, note } }, { signal })
  printDone(output, `${escapeText(name)}: ${escapeText(credit.amount)}`, credit, String(credit.id))
}
