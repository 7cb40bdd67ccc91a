import type { Host, HostEvent } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId, statusLabel } from '../containers/describe.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { formatFacts, formatSection, ruler } from '../output/page.ts'
import type { Output } from '../output/output.ts'
import { formatSize } from '../output/size.ts'
import { formatTable } from '../output/table.ts'
import { agoLabel, cpuUse, sizeUse, stateLabel } from './describe.ts'
import { resolveHostUuid } from './kind.ts'

export async function inspectHost(context: ApiContext, reference: string): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveHostUuid(context, reference)
  const host = await api.hosts.get({ params: { uuid } }, { signal })
  const events =
    output.mode === 'table' ? await api.hosts.events({ params: { uuid } }, { signal }) : undefined
  output.render({
    table: () => {
      for (const line of hostPage(output, host, Date.now())) output.line(line)
      for (const line of formatSection('Events', eventLines(events?.items ?? []))) output.line(line)
    },
    json: host,
    quiet: [host.state],
  })
}

const hostPage = (output: Output, host: Host, now: number): string[] => [
  `Host: ${output.style('bold', escapeText(host.name))}`,
  ruler,
  ...formatFacts([
    ['UUID', host.uuid],
    ['State', stateLabel(output, host.state)],
    ['Reason', host.state_reason && escapeText(host.state_reason)],
    ['Since', host.since && escapeText(formatTime(host.since))],
    ['Last Seen', agoLabel(host.last_seen_at, now)],
    ['Agent', host.agent_version && escapeText(host.agent_version)],
    ['Engine', engineLabel(output, host.engine)],
    ['CPU Cores', `${cpuUse(host)} requested`],
    ['Memory', `${sizeUse(host.memory_requested_bytes, host.memory_bytes)} requested`],
    ['Disk', `${sizeUse(host.disk_requested_bytes, host.disk_bytes)} requested`],
  ]),
  ...formatSection('Checks', checkLines(output, host)),
  ...formatSection('GPUs', gpuLines(output, host)),
  ...formatSection('Containers', containerLines(output, host)),
  ...formatSection(
    'Foreign Containers (not placed here; the host removes them after a while)',
    host.foreign_containers.map(({ uuid, state }) => `${uuid}   ${escapeText(state)}`),
  ),
]

const eventsShown = 10

/** As a log: the newest last. */
const eventLines = (events: readonly HostEvent[]): string[] =>
  formatList(
    events
      .slice(0, eventsShown)
      .toReversed()
      .map(({ at, type, message }) => [escapeText(formatTime(at)), escapeText(type), escapeText(message)]),
  )

function engineLabel(output: Output, { available, version, message }: Host['engine']): string {
  if (available) return version === null ? 'Docker' : `Docker ${escapeText(version)}`
  return output.style('red', escapeText(`not available${message === null ? '' : `: ${message}`}`))
}

const marks = {
  ok: { sign: '✓', color: 'green' },
  warning: { sign: '!', color: 'yellow' },
  failure: { sign: '✗', color: 'red' },
} as const

const checkLines = (output: Output, { checks }: Host): string[] =>
  formatList(
    checks.map(({ name, level, message }) => [
      `${output.style(marks[level].color, marks[level].sign)} ${escapeText(name)}`,
      escapeText(message),
    ]),
  )

function gpuLines(output: Output, { gpus, containers }: Host): string[] {
  const nameOf = (uuid: string): string =>
    escapeText(containers.find((container) => container.uuid === uuid)?.name ?? 'a container')
  return formatList(
    gpus.map((gpu) => [
      String(gpu.index),
      `${escapeText(gpu.name)} (${formatSize(gpu.memory_bytes).replace(' ', '')})${gpu.simulated ? ' (simulated)' : ''}`,
      escapeText(gpu.uuid),
      gpu.container === null ? 'free' : `${nameOf(gpu.container)} (${shortId(gpu.container)})`,
      gpu.present ? '' : output.style('red', 'gone from the host'),
    ]),
  )
}

const containerLines = (output: Output, { containers }: Host): string[] =>
  formatList(
    containers.map(({ uuid, name, team, status, gpus }) => [
      escapeText(name),
      `${shortId(uuid)}...`,
      statusLabel(output, status),
      `${gpus} GPU${gpus === 1 ? '' : 's'}`,
      `team ${escapeText(team)}`,
    ]),
  )

/** A table whose columns need no heading. */
const formatList = ([first = [], ...rest]: string[][]): string[] =>
  first.length === 0 ? [] : formatTable(first, rest)
