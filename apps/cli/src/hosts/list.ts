import type { HostSummary } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortGpuName } from '../containers/describe.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatTable } from '../output/table.ts'
import { listAll } from '../pages.ts'
import { agoLabel, cpuUse, sizeUse, stateLabel } from './describe.ts'

const headings = ['NAME', 'STATE', 'GPUS', 'FREE', 'CPU', 'MEM', 'LAST SEEN', 'PROBLEMS']

export async function listHosts({ api, output, signal }: ApiContext): Promise<void> {
  const hosts = await listAll((page) => api.hosts.list({ query: page }, { signal }))
  const now = Date.now()
  output.render({
    table: () => {
      const rows = hosts.map((host) => toRow(output, host, now))
      for (const line of formatTable(headings, rows)) output.line(line)
      if (hosts.length === 0) output.note('No hosts yet. Let a machine join: gpulab hosts add')
    },
    json: hosts,
    quiet: hosts.map(({ uuid }) => uuid),
  })
}

const toRow = (output: Output, host: HostSummary, now: number): string[] => [
  escapeText(host.name),
  stateLabel(output, host.state),
  gpusLabel(host),
  String(host.gpus_free),
  cpuUse(host),
  sizeUse(host.memory_requested_bytes, host.memory_bytes),
  agoLabel(host.last_seen_at, now),
  host.problems === 0 ? '-' : output.style('red', String(host.problems)),
]

/** "2× RTX 4090, 1× H100 (simulated)" */
function gpusLabel({ gpu_counts: counts, simulated }: HostSummary): string {
  const cards = Object.entries(counts)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([type, count]) => `${count}× ${escapeText(shortGpuName(type))}`)
  return cards.length === 0 ? '-' : `${cards.join(', ')}${simulated ? ' (simulated)' : ''}`
}
