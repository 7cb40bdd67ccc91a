import type { Container, Status } from '@gpulab/contract'
import type { HotContext } from '../context.ts'
import { formatUptime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatTable } from '../output/table.ts'
import { listAll } from '../pages.ts'
import { gpuLabel, shortGpuName, shortId, shortStatusLabel } from './describe.ts'

export async function listContainers(context: HotContext, status: Status | undefined): Promise<void> {
  const { api, output, signal } = context
  const containers = await listAll((page) =>
    api.containers.list({ query: { ...page, ...(status && { status }) } }, { signal }),
  )
  output.render({
    table: () => {
      for (const line of containerTable(output, containers)) output.line(line)
      if (containers.length === 0) output.note('No containers yet. Deploy one: gpulab deploy --help')
    },
    json: containers,
    quiet: containers.map(({ uuid }) => uuid),
  })
}

const containerTable = (output: Output, containers: readonly Container[]): string[] =>
  formatTable(
    ['NAME', 'UUID', 'STATUS', 'GPU', 'UPTIME'],
    containers.map((container) => [
      escapeText(container.name),
      `${shortId(container.uuid)}...`,
      shortStatusLabel(output, container),
      gpuLabel(container, shortGpuName) ?? '-',
      container.uptime === null ? '-' : formatUptime(container.uptime),
    ]),
  )
