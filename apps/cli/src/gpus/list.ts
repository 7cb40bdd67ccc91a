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

export async function listGpuTypes(
  { api, output, signal }: ApiContext,
  { type, minMemoryBytes = 0 }: GpuFilter,
): Promise<void> {
  const all = await listAll((page) =>
    api.gpus.listTypes({ query: { ...page, ...(type !== undefined && { name: type }) } }, { signal }),
  )
  const types = all.filter(({ memory_bytes: bytes }) => bytes >= minMemoryBytes)
  output.render({
    table: () => {
      const headings = ['GPU TYPE', 'AVAILABLE', 'MEMORY', 'PRICE/HR']
      for (const line of formatTable(headings, types.map(toRow))) output.line(line)
    },
    json: types,
    quiet: types.map(({ name }) => name),
  })
}

const toRow = (type: GpuType): string[] => [
  escapeText(type.name) + (type.simulated ? ' (simulated)' : ''),
  String(type.available),
  formatSize(type.memory_bytes),
  type.price_per_hour === null ? '-' : formatMoney(type.price_per_hour, type.currency),
]
