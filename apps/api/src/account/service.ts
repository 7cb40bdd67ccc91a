import type { Account } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { currency } from '../gpus/service.ts'
import { countContainers, findQuota } from '../quotas/store.ts'
import { noQuota, toQuotas } from '../quotas/service.ts'
import { formatCharge, toCharge } from '../usage/money.ts'
import { readBalance, startOfMonth } from '../usage/service.ts'
import { findBilling, sumUsage } from '../usage/store.ts'
import { countVolumes } from '../volumes/store.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'config'>

export async function showAccount(deps: Parts, principal: Principal): Promise<Account> {
  const { db } = deps
  const { teamUuid } = principal
  const [quota, used, volumes, billing] = await Promise.all([
    findQuota(db, teamUuid),
    countContainers(db, teamUuid),
    countVolumes(db, teamUuid),
    showBilling(deps, teamUuid),
  ])
  return {
    user: {
      uuid: principal.userUuid,
      email: principal.email,
      role: principal.role,
      administrator: principal.isAdministrator,
    },
    team: { uuid: teamUuid, name: principal.teamName },
    api_key: {
      id: principal.keyId,
      name: principal.keyName,
      scopes: principal.scopes,
      expires_at: principal.expiresAt?.toISOString() ?? null,
    },
    quotas: toQuotas(quota ?? noQuota),
    used: { ...used, volumes: volumes.volumes, volume_bytes: volumes.bytes },
    billing,
  }
}

async function showBilling({ db, clock, config }: Parts, teamUuid: string): Promise<Account['billing']> {
  const now = clock.now()
  const month = { from: startOfMonth(now), to: now, by: 'gpu-type', now } as const
  const [billing, { balance, perHour }, rows] = await Promise.all([
    findBilling(db, teamUuid),
    readBalance(db, teamUuid, now),
    sumUsage(db, teamUuid, month),
  ])
  const { prepaid = false, exhaustedAt = null } = billing ?? {}
  const stopsAt = exhaustedAt && new Date(exhaustedAt.getTime() + config.balanceWarningMs)
  return {
    currency,
    prepaid,
    balance: formatCharge(balance),
    month_to_date: formatCharge(rows.reduce((sum, { charge }) => sum + charge, 0n)),
    per_hour: formatCharge(toCharge(perHour)),
    exhausted_at: exhaustedAt?.toISOString() ?? null,
    stops_at: stopsAt?.toISOString() ?? null,
  }
}
