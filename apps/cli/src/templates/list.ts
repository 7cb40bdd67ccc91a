import type { Template } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { formatSize } from '../output/size.ts'
import { formatTable } from '../output/table.ts'
import { listAll } from '../pages.ts'

export async function listTemplates(
  { api, output, signal }: ApiContext,
  type: Template['type'] | undefined,
): Promise<void> {
  const templates = await listAll((page) =>
    api.templates.list({ query: { ...page, ...(type && { type }) } }, { signal }),
  )
  output.render({
    table: () => {
      for (const line of formatTable(['NAME', 'TYPE', 'IMAGE', 'PORTS', 'MEMORY'], templates.map(toRow))) {
        output.line(line)
      }
    },
    json: templates,
    quiet: templates.map(({ name }) => name),
  })
}

const toRow = (template: Template): string[] => [
  escapeText(template.name),
  template.type.toUpperCase(),
  imageLabel(template),
  template.ports.join(',') || '-',
  formatSize(template.memory_bytes),
]

/** The image that is meant, and a word when a small one stands in for it here. */
const imageLabel = ({ image, stand_in_for: meant }: Template): string =>
  meant === null ? escapeText(image) : `${escapeText(meant)} (stand-in)`
