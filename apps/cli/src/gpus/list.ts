import type { GpuType } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { formatMoney } from '../output/money.ts'
import { formatSize } from '../output/size.ts'
import { formatTable } from '../output/table.ts'
import { listAll } from '../pages.ts'

export interface GpuFilter {
  readonly type: string | undefined
  readonly minMemoryBytes: number | undefined
}

/** What could be had now, or all types. */
export async function listGpuTypes(
  { api, output, signal }: ApiContext,
  { type, minMemoryBytes = 0 }: GpuFilter,
  { isAll }: { isAll: boolean },
): Promise<void> {
  const all = await listAll((page) =>
    api.gpus.listTypes({ query: { ...page, ...(type !== undefined && { name: type }) } }, { signal }),
  )
  const fitting = all.filter(({ memory_bytes: bytes }) => bytes >= minMemoryBytes)
  const types = isAll ? fitting : fitting.filter(({ available }) => available > 0)
  output.render({
    table: () => {
      const headings = ['GPU TYPE', 'AVAILABLE', ...(isAll ? ['TOTAL'] : []), 'MEMORY', 'PRICE/HR']
      const rows = types.map((each) => toRow(each, isAll))
      for (const line of formatTable(headings, rows)) output.line(line)
      const taken = fitting.length - types.length
      if (taken > 0) output.note(`  Of ${taken} more none is free: gpulab gpus types`)
    },
    json: types,
    quiet: types.map(({ name }) => name),
  })
}

const toRow = (type: GpuType, isAll: boolean): string[] => [
  escapeText(type.name) + (type.simulated ? ' (simulated)' : ''),
  String(type.available),
  ...(isAll ? [String(type.total)] : []),
  formatSize(type.memory_bytes),
  type.price_per_hour === null ? '-' : formatMoney(type.price_per_hour, type.currency),
]
