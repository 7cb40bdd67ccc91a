import { type Container, type ContainerStats, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { statusLabel } from '../containers/describe.ts'
import { resolveContainer } from '../containers/kind.ts'
import { escapeText } from '../output/escape.ts'
import { createScreen, type Screen } from '../output/screen.ts'
import { write } from '../output/write.ts'
import { followSamples } from './follow-samples.ts'
import { renderStats, toQuietLine } from './render.ts'

/** What a container uses now. */
export async function showStats(context: ApiContext, reference: string): Promise<void> {
  const { api, output, signal } = context
  const { uuid, name } = await resolveContainer(context, reference)
  const samples = await api.stats.read({ params: { uuid } }, { signal })
  for await (const sample of samples) {
    output.render({
      table: () => renderStats(output, name, sample).forEach(output.line),
      json: sample,
      quiet: [toQuietLine(sample)],
    })
    return
  }
  throw new GpulabError('container_not_running', { message: `Container ${name} has just ended.` })
}

/** Goes on until the container ends, and tells how. */
export async function watchStats(context: ApiContext, reference: string): Promise<void> {
  const container = await resolveContainer(context, reference)
  const screen = createScreen(process.stdout, process.env)
  for await (const { sample, ended } of followSamples(context, container)) {
    if (sample) await show(context, screen, container, sample)
    if (ended) context.output.note(endOf(context, ended))
  }
}

async function show(
  { output }: ApiContext,
  screen: Screen,
  { name }: Container,
  sample: ContainerStats,
): Promise<void> {
  if (output.mode === 'table') return screen.show(renderStats(output, name, sample))
  const text = output.mode === 'json' ? JSON.stringify(sample) : toQuietLine(sample)
  await write(process.stdout, `${text}\n`)
}

function endOf({ output }: ApiContext, { name, status, status_reason: reason }: Container): string {
  const why = reason === null ? '' : `: ${escapeText(reason.message)}`
  return `Container ${escapeText(name)} is ${statusLabel(output, status)}${why}`
}
