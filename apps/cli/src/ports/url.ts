import type { ApiContext } from '../base-command.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'

/** The link is the only data: everything else is for people at a terminal. */
export async function makeLink(
  context: ApiContext,
  reference: string,
  port: number,
  ttlMs: number,
): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  const ttl = Math.max(1, Math.round(ttlMs / 1000))
  const link = await api.ports.link({ params: { uuid, port }, body: { ttl } }, { signal })
  output.render({
    table: () => {
      output.line(escapeText(link.url))
      output.note(`  Good until ${escapeText(formatTime(link.expires_at))}, for whoever has it`)
    },
    json: link,
    quiet: [link.url],
  })
}
