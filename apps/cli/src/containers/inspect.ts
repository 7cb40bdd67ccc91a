import type { Container } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { formatTime, formatUptime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { describeMount } from '../output/mount.ts'
import { formatFacts, formatSection, ruler } from '../output/page.ts'
import type { Output } from '../output/output.ts'
import { formatSize } from '../output/size.ts'
import {
  exitLabel,
  gpuLabel,
  ownerLabel,
  portLines,
  queueLabel,
  restartLabel,
  statusLabel,
} from './describe.ts'
import { resolveContainerUuid } from './kind.ts'

export async function inspectContainer(
  context: ApiContext,
  reference: string,
  { showEnv }: { showEnv: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
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
    ...formatFacts([...stateFacts(output, container), ...makeFacts(container), ...runFacts(container)]),
    ...formatSection('Volumes', container.volumes.map(describeMount)),
    ...formatSection('Ports', portLines(container)),
    ...formatSection(
      'Environment',
      environment.map(([key, value]) => `${escapeText(key)}=${escapeText(value)}`),
    ),
  ]
}

type Fact = [string, string | null | undefined]

function stateFacts(output: Output, container: Container): Fact[] {
  const { status_reason: reason, deadline, next_step: step } = container
  return [
    ['UUID', container.uuid],
    ['Status', statusLabel(output, container.status)],
    ['Reason', reason && escapeText(`${reason.message} (${reason.code})`)],
    ['Since', escapeText(formatTime(container.since))],
    ['Ends by', deadline && escapeText(formatTime(deadline))],
    ['Waits for', ownerLabel(container)],
    ['Queue', queueLabel(container)],
    ['Next Step', step && escapeText(step)],
  ]
}

function makeFacts(container: Container): Fact[] {
  const { gpu_types: gpuTypes, stand_in_for: standIn } = container
  return [
    ['Type', container.type.toUpperCase()],
    ['GPU', gpuWithMemory(container)],
    ['GPU Types', gpuTypes.length > 1 ? `${gpuTypes.map(escapeText).join(', ')} (the first free)` : null],
    ['Memory', formatSize(container.memory_bytes)],
    ['CPU Cores', container.cpus === null ? "the host's" : String(container.cpus)],
    ['Disk', container.disk_bytes === 0 ? null : formatSize(container.disk_bytes)],
    ['Image', escapeText(container.image) + (standIn ? ` (stands in for ${escapeText(standIn)})` : '')],
    ['Template', container.template && escapeText(container.template)],
    ['Command', container.command && escapeText(container.command.join(' '))],
    ['Restart', restartLabel(container)],
  ]
}

const runFacts = (container: Container): Fact[] => [
  ['Host', container.host && escapeText(container.host)],
  ['Created', escapeText(formatTime(container.created_at))],
  ['Finished', container.finished_at && escapeText(formatTime(container.finished_at))],
  ['Exit Code', exitLabel(container)],
  ['Last Exit', container.exit_code === null ? lastExitLabel(container) : null],
  ['Uptime', container.uptime === null ? null : formatUptime(container.uptime, true)],
]

/** "NVIDIA GeForce RTX 4090 (24GB)" */
function gpuWithMemory(container: Container): string | undefined {
  const memory = container.gpus[0]?.memory_bytes
  const size = memory === undefined ? '' : ` (${formatSize(memory).replace(' ', '')})`
  return gpuLabel(container, (name) => name + size)
}

/** Of the run before this one. */
function lastExitLabel({ last_exit: exit }: Container): string | null {
  if (exit === null) return null
  const label = exitLabel({ ...exit, exit_signal: exit.signal })
  return exit.finished_at === null ? label : `${label} at ${escapeText(formatTime(exit.finished_at))}`
}
