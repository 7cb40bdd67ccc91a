import type { groupings } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { formatUptime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { formatMoney } from '../output/money.ts'
import { formatTable } from '../output/table.ts'

type Grouping = (typeof groupings)[number]

export interface UsageInput {
  readonly by: Grouping
  readonly from: string | undefined
  readonly to: string | undefined
}

const headings = { day: 'DAY', container: 'CONTAINER', 'gpu-type': 'GPU TYPE' } as const

export async function showUsage({ api, output, signal }: ApiContext, input: UsageInput): Promise<void> {
  const { by, from, to } = input
  const query = { by, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
  const usage = await api.account.usage({ query }, { signal })
  const money = (amount: string): string => formatMoney(amount, usage.currency)
  output.render({
    table: () => {
      const rows = usage.items.map(({ key, name, gpu_seconds: seconds, charge }) => [
        by === 'container' ? `${escapeText(name)} (${shortId(key)})` : escapeText(name),
        formatUptime(seconds),
        money(charge),
      ])
      for (const line of formatTable(
        [headings[by], 'GPU TIME', 'CHARGE'],
        [...rows, ['', '', money(usage.total)]],
      )) {
        output.line(line)
      }
    },
    json: usage,
    quiet: [usage.total],
  })
}
