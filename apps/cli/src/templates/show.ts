import type { ApiContext } from '../context.ts'
import { matchByName } from '../match.ts'
import { escapeText } from '../output/escape.ts'
import { describeMount } from '../output/mount.ts'
import { formatSize } from '../output/size.ts'
import { listAll } from '../pages.ts'

export async function showTemplate({ api, output, signal }: ApiContext, text: string): Promise<void> {
  const templates = await listAll((page) => api.templates.list({ query: page }, { signal }))
  const template =
    templates.find(({ uuid }) => uuid === text.toLowerCase()) ??
    matchByName(text, templates, { noun: 'template', notFound: 'template_not_found' })
  const { stand_in_for: meant } = template
  output.render({
    table: () => {
      output.line(`Name:      ${escapeText(template.name)}`)
      output.line(`UUID:      ${template.uuid}`)
      output.line(`Type:      ${template.type.toUpperCase()}`)
      output.line(`Image:     ${escapeText(template.image)}`)
      if (meant !== null) output.line(`           (stands in for ${escapeText(meant)})`)
      output.line(`Ports:     ${template.ports.join(', ') || '-'}`)
      output.line(`Memory:    ${formatSize(template.memory_bytes)}`)
      const own = Object.entries(template.env)
      if (own.length > 0) output.line(`Env:       ${escapeText(own.map((pair) => pair.join('=')).join(' '))}`)
      if (template.disk_bytes > 0) output.line(`Disk:      ${formatSize(template.disk_bytes)}`)
      for (const volume of template.volumes) output.line(`Volume:    ${describeMount(volume)}`)
      if (template.min_gpu_memory_bytes !== null) {
        output.line(`Each GPU:  ${formatSize(template.min_gpu_memory_bytes)} or more`)
      }
      output.line(`Shared:    ${template.shared ? 'by all teams' : "your team's own"}`)
      output.line(`Command:   ${template.command ? escapeText(template.command.join(' ')) : "the image's"}`)
    },
    json: template,
    quiet: [template.uuid],
  })
}
