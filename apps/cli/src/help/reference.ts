import type { Config } from '@oclif/core/config'
import { commandIds, commands } from '../commands.ts'
import { rootHelp } from './root-help.ts'
import { helpOf } from './show-help.ts'

/** "hosts-add.md" */
export const pageName = (id: string): string => `${id.replaceAll(':', '-')}.md`

/** The pages of docs/cli by their names: what the commands themselves say. */
export async function renderReference(config: Config): Promise<Map<string, string>> {
  const pages = new Map<string, string>()
  for (const id of Object.keys(commands)) {
    const aliases = [...commandIds]
      .filter(([alias, own]) => own === id && alias !== id)
      .map(([alias]) => alias)
    pages.set(pageName(id), page(`gpulab ${id.replaceAll(':', ' ')}`, await helpOf(id, config), aliases))
  }
  const list = Object.entries(commands).map(
    ([id, { summary }]) => `- [gpulab ${id.replaceAll(':', ' ')}](${pageName(id)}): ${summary}`,
  )
  pages.set(
    'README.md',
    `# The commands of gpulab\n\nMade from the commands' own help; a test keeps it true.\n\n${list.join('\n')}\n\n\`\`\`text\n${rootHelp().trim()}\n\`\`\`\n`,
  )
  return pages
}

const page = (title: string, help: string, aliases: readonly string[]): string =>
  [
    `# ${title}`,
    ...(aliases.length > 0
      ? [`Also: ${aliases.map((alias) => `\`gpulab ${alias.replaceAll(':', ' ')}\``).join(', ')}`]
      : []),
    `\`\`\`text\n${help.trim()}\n\`\`\`\n`,
  ].join('\n\n')
