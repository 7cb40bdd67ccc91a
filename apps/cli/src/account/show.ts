import type { Account } from '@gpulab/contract'
import { identityOf } from '../auth/whoami.ts'
import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { formatMoney } from '../output/money.ts'
import { formatFacts, formatSection } from '../output/page.ts'
import { formatSize } from '../output/size.ts'

export async function showAccount({ api, output, signal }: ApiContext): Promise<void> {
  const account = await api.account.get({}, { signal })
  output.render({
    table: () => {
      for (const line of toPage(account)) output.line(line)
    },
    json: account,
    quiet: [account.team.uuid],
  })
}

function toPage(account: Account): string[] {
  const { user, api_key: key, billing, quotas, used } = account
  const money = (amount: string): string => formatMoney(amount, billing.currency)
  const stops = billing.stops_at === null ? '' : `; containers stop at ${formatTime(billing.stops_at)}`
  return [
    ...formatFacts([
      ['Account', identityOf(account)],
      ['Role', user.role + (user.administrator ? ', administrator' : '')],
      ['API key', `${escapeText(key.name)} (${key.id}; ${key.scopes.join(', ')})`],
      ['Balance', `${money(billing.balance)} (${billing.prepaid ? 'prepaid' : 'billed afterwards'}${stops})`],
      ['This month', money(billing.month_to_date)],
      ['Now', `${money(billing.per_hour)} an hour`],
    ]),
    ...formatSection('Limits', [
      `GPUs: ${toUse(used.gpus, quotas.gpus)}`,
      `Containers: ${toUse(used.containers, quotas.containers)}`,
      `Volumes: ${toUse(used.volumes, quotas.volumes)}`,
      `Volume size: ${toUse(used.volume_bytes, quotas.volume_bytes, formatSize)}`,
      `Sessions: ${quotas.sessions ?? 'no limit'}`,
    ]),
  ]
}

const toUse = (has: number, limit: number | null, show: (amount: number) => string = String): string =>
  limit === null ? `${show(has)} (no limit)` : `${show(has)} of ${show(limit)}`
