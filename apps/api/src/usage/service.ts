import { type Credit, GpulabError, type Usage } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Queries } from '../db/connect.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { currency } from '../gpus/service.ts'
import type { Remember } from '../idempotency/service.ts'
import { type Charge, formatCharge, parseAmount, toCharge } from './money.ts'
import {
  type CreditRow,
  findBilling,
  type Grouping,
  insertCredit,
  listCredits,
  sumCharges,
  sumCredits,
  sumUsage,
} from './store.ts'

interface Parts extends Pick<Deps, 'clock'> {
  readonly db: Queries
}

export interface Balance {
  readonly balance: Charge
  /** In ten-thousandths. */
  readonly perHour: bigint
}

export async function readBalance(db: Queries, teamUuid: string, now: Date): Promise<Balance> {
  const [{ charges, perHour }, credit] = await Promise.all([
    sumCharges(db, teamUuid, now),
    sumCredits(db, teamUuid),
  ])
  return { balance: toCharge(credit) - charges, perHour }
}

/** Throws for a prepaid team that has nothing left, where something would cost. */
export async function requireBalance(
  { db, clock }: Parts,
  teamUuid: string,
  gpuCount: number,
): Promise<void> {
  if (gpuCount === 0 || !(await findBilling(db, teamUuid))?.prepaid) return
  const { balance } = await readBalance(db, teamUuid, clock.now())
  if (balance > 0n) return
  throw new GpulabError('balance_exhausted', {
    message: `Your team's balance is ${formatCharge(balance)} ${currency}.`,
    hint: 'Ask your administrator for credits; what needs no GPU can be deployed all the same.',
    details: { balance: formatCharge(balance), currency },
  })
}

const dayMs = 86_400_000
const daysMax = 366

export async function showUsage(
  { db, clock }: Parts,
  { teamUuid }: Principal,
  query: { by: Grouping; from?: string | undefined; to?: string | undefined },
): Promise<Usage> {
  const now = clock.now()
  const to = query.to === undefined ? now : new Date(query.to)
  const from = query.from === undefined ? startOfMonth(to) : new Date(query.from)
  if (from > to || to.getTime() - from.getTime() > daysMax * dayMs) {
    throw new GpulabError('invalid_request', {
      message: `query.from: has to be before query.to, by ${daysMax} days at most`,
    })
  }
  const rows = await sumUsage(db, teamUuid, { from, to, by: query.by, now })
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    currency,
    total: formatCharge(rows.reduce((sum, { charge }) => sum + charge, 0n)),
    items: rows.map(({ key, name, gpuMs, charge }) => ({
      key,
      name,
      gpu_seconds: gpuMs / 1000,
      charge: formatCharge(charge),
    })),
  }
}

export const startOfMonth = (now: Date): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()))

export async function pageCredits(
  { db, clock }: Parts,
  teamUuid: string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
) {
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw new GpulabError('invalid_request', { message: 'query.cursor: is not one of ours' })
  }
  const before = cursor === undefined ? undefined : Number(cursor)
  const [rows, { balance }] = await Promise.all([
    listCredits(db, teamUuid, { before, limit: limit + 1 }),
    readBalance(db, teamUuid, clock.now()),
  ])
  const page = toPage(rows, limit, ({ id }) => String(id))
  return { ...page, items: page.items.map(toCredit), balance: formatCharge(balance), currency }
}

export async function addCredit(
  { db, clock }: Parts,
  { userUuid }: Principal,
  teamUuid: string,
  { amount, note }: { amount: string; note: string },
  remember: Remember,
): Promise<Credit> {
  const row = { at: clock.now(), teamUuid, amount, note, createdBy: userUuid }
  return db.transaction(async (tx) => {
    const id = await insertCredit(tx, row)
    await remember(tx, null)
    return toCredit({ ...row, id })
  })
}

const toCredit = ({ id, at, amount, note }: CreditRow): Credit => ({
  id,
  at: at.toISOString(),
  amount: formatCharge(toCharge(parseAmount(amount))),
  note,
})
