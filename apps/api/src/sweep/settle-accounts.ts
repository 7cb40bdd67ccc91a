import { lockContainer } from '../containers/lock-container.ts'
import { findAnyContainer } from '../containers/store.ts'
import { writeIntent } from '../containers/write-intent.ts'
import type { Deps } from '../deps.ts'
import { insertEvents } from '../events/store.ts'
import { lockHost, signalCapacity } from '../hosts/store.ts'
import { currency } from '../gpus/service.ts'
import { formatCharge } from '../usage/money.ts'
import { readBalance } from '../usage/service.ts'
import { type Billing, listOpenIntervals, listPaying, setExhausted } from '../usage/store.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'log' | 'config'>

/**
 * Warns prepaid teams whose balance is used up, stops what they run once the warning has been out for its time, and
 * takes it back when they have paid. Replicas may do so at the same time.
 */
export async function settleAccounts(deps: Parts): Promise<void> {
  for (const team of await listPaying(deps.db)) {
    await settleOne(deps, team).catch((err: unknown) => {
      deps.log.error({ err, team: team.name }, 'an account could not be settled; it will be tried again')
    })
  }
}

async function settleOne(deps: Parts, team: NonNullable<Billing>): Promise<void> {
  const { db, clock, config, log } = deps
  const now = clock.now()
  const { balance } = await readBalance(db, team.uuid, now)
  const hasCredit = !team.prepaid || balance > 0n
  if (hasCredit) {
    if (team.exhaustedAt) await tell(deps, team, null, 'The team has credit again: this container goes on.')
    return
  }
  if (!team.exhaustedAt) {
    const stopsAt = new Date(now.getTime() + config.balanceWarningMs)
    const message = `The team's balance is used up (${formatCharge(balance)} ${currency}). This container is stopped at ${stopsAt.toISOString()} unless credit comes.`
    log.warn({ team: team.name }, 'a balance is used up')
    await tell(deps, team, now, message)
    return
  }
  if (now.getTime() - team.exhaustedAt.getTime() < config.balanceWarningMs) return
  for (const { containerUuid } of await listOpenIntervals(db, team.uuid)) await stopOne(deps, containerUuid)
}

/** Each running container's events say so, once. */
const tell = ({ db, clock }: Parts, team: NonNullable<Billing>, exhaustedAt: Date | null, message: string) =>
  db.transaction(async (tx) => {
    // Whoever writes events of a container holds its host: followers read by number, so numbers must commit in order.
    const hosts = new Set((await listOpenIntervals(tx, team.uuid)).map(({ hostUuid }) => hostUuid))
    for (const uuid of [...hosts].toSorted()) await lockHost(tx, uuid)
    const running = await listOpenIntervals(tx, team.uuid)
    // One has begun meanwhile on yet another host: the next sweep tells them all.
    if (running.some(({ hostUuid }) => !hosts.has(hostUuid))) return
    if (!(await setExhausted(tx, team.uuid, exhaustedAt))) return
    await insertEvents(
      tx,
      running.map(({ containerUuid }) => ({
        containerUuid,
        teamUuid: team.uuid,
        at: clock.now(),
        type: 'billing' as const,
        status: null,
        reason: exhaustedAt ? 'balance_exhausted' : null,
        message,
      })),
    )
    // Those of the team that wait in line count again.
    if (!exhaustedAt) await signalCapacity(tx)
  })

async function stopOne({ db, clock }: Parts, uuid: string): Promise<void> {
  const found = await findAnyContainer(db, uuid)
  if (!found) return
  await db.transaction(async (tx) => {
    const locked = await lockContainer(tx, uuid, found.row.hostUuid, { skipLocked: true })
    if (!locked || locked.record.row.desired !== 'running') return
    const { attempt } = locked.record.row
    const verdict = {
      verdictAttempt: attempt,
      verdictCode: 'balance_exhausted',
      verdictMessage: "The team's balance is used up.",
    }
    await writeIntent(tx, locked.record, { desired: 'stopped', ...verdict }, clock.now())
  })
}
