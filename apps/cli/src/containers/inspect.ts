import type { Container } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { formatTime, formatUptime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatSize } from '../output/size.ts'
import { resolveUuid } from '../resolve.ts'
import { gpuLabel, portLines, statusLabel } from './describe.ts'

const ruler = '━'.repeat(30)
const labelWidth = 13

export async function inspectContainer(
  context: ApiContext,
  reference: string,
  { showEnv }: { showEnv: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveUuid(context, reference)
  const container = await api.containers.get(
    { params: { uuid }, query: showEnv ? { show_env: 'true' } : {} },
    { signal },
  )
  output.render({
    table: () => {
      for (const line of containerPage(output, container)) output.line(line)
    },
    json: container,
    quiet: [container.status],
  })
}

function containerPage(output: Output, container: Container): string[] {
  const environment = Object.entries(container.env)
  return [
    `Container: ${output.style('bold', escapeText(container.name))}`,
    ruler,
    ...facts(output, container).map(([label, value]) => `${label}:`.padEnd(labelWidth) + value),
    ...section('Ports', portLines(container)),
    ...section(
      'Environment',
      environment.map(([key, value]) => `${escapeText(key)}=${escapeText(value)}`),
    ),
  ]
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)]

function facts(output: Output, container: Container): [string, string][] {
  const reason = container.status_reason
  const standIn = container.stand_in_for
  const rows: [string, string | null | undefined][] = [
    ['UUID', container.uuid],
    ['Status', statusLabel(output, container.status)],
    ['Reason', reason && escapeText(`${reason.message} (${reason.code})`)],
    ['Type', container.type.toUpperCase()],
    ['GPU', gpuWithMemory(container)],
    ['Memory', formatSize(container.memory_bytes)],
    ['CPU Cores', container.cpus === null ? "the host's" : String(container.cpus)],
    ['Image', escapeText(container.image) + (standIn ? ` (stands in for ${escapeText(standIn)})` : '')],
    ['Template', container.template && escapeText(container.template)],
    ['Command', container.command && escapeText(container.command.join(' '))],
    ['Host', container.host && escapeText(container.host)],
    ['Created', escapeText(formatTime(container.created_at))],
    ['Finished', container.finished_at && escapeText(formatTime(container.finished_at))],
    ['Exit Code', exitLabel(container)],
    ['Uptime', container.uptime === null ? null : formatUptime(container.uptime, true)],
  ]
  return rows.filter((row): row is [string, string] => typeof row[1] === 'string')
}

/** "NVIDIA GeForce RTX 4090 (24GB)" */
function gpuWithMemory(container: Container): string | undefined {
  const memory = container.gpus[0]?.memory_bytes
  const size = memory === undefined ? '' : ` (${formatSize(memory).replace(' ', '')})`
  return gpuLabel(container, (name) => name + size)
}

function exitLabel({ exit_code: code, oom_killed: isOutOfMemory }: Container): string | null {
  if (code === null) return null
  return isOutOfMemory ? `${code} (out of memory)` : String(code)
}
