import { GpulabError } from '@gpulab/contract'
import { spawn } from 'node:child_process'
import type { ApiContext } from '../base-command.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { escapeText } from '../output/escape.ts'

/** Prints a link to a terminal page, and opens it where somebody sits at a screen. */
export async function openInBrowser(
  context: ApiContext,
  reference: string,
  command: readonly string[],
): Promise<void> {
  if (command.length > 0) {
    throw new GpulabError('invalid_request', {
      message: '--web opens a shell; it takes no command.',
      hint: 'Leave out what follows --.',
    })
  }
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  const terminal = await api.terminals.create({ params: { uuid } }, { signal })
  output.render({
    table: () => {
      output.line(escapeText(terminal.url))
      output.note('  Good once, for a minute, for whoever has it')
    },
    json: terminal,
    quiet: [terminal.url],
  })
  if (output.mode === 'table' && process.stdout.isTTY) await show(terminal.url)
}

/** Without a browser the link is there to be copied. */
async function show(url: string): Promise<void> {
  const opener = process.env['BROWSER'] ?? (process.platform === 'darwin' ? 'open' : 'xdg-open')
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true })
  child.unref()
  await new Promise((resolve) => child.once('spawn', resolve).once('error', resolve))
}
