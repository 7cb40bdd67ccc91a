import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { describeMount } from '../output/mount.ts'
import { formatSize } from '../output/size.ts'
import { findTemplate } from './find-template.ts'

export async function showTemplate(context: ApiContext, text: string): Promise<void> {
  const { output } = context
  const template = await findTemplate(context, text)
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
