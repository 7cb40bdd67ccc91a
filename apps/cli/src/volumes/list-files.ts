import type { FileEntry } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { formatSize } from '../output/size.ts'
import { formatTable } from '../output/table.ts'
import { listEntries } from './files.ts'
import { resolveVolumeUuid } from './kind.ts'

export async function listFiles(context: ApiContext, reference: string, path: string): Promise<void> {
  const { output } = context
  const uuid = await resolveVolumeUuid(context, reference)
  const entries = await Array.fromAsync(listEntries(context, uuid, path))
  output.render({
    table: () => {
      for (const line of formatTable(['NAME', 'SIZE', 'MODIFIED'], entries.map(toRow))) output.line(line)
    },
    json: entries,
    quiet: entries.map(({ name }) => escapeText(name)),
  })
}

const toRow = ({ name, type, target, size_bytes, modified_at }: FileEntry): string[] => [
  escapeText(name) + (type === 'directory' ? '/' : '') + (target === null ? '' : ` → ${escapeText(target)}`),
  type === 'file' ? formatSize(size_bytes) : '-',
  escapeText(formatTime(modified_at)),
]
