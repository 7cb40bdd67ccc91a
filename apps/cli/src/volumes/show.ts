import type { Volume } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { shortId } from '../containers/describe.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatFacts, formatSection, ruler } from '../output/page.ts'
import { usedLabel, volumeSizeLabel, volumeStatusLabel } from './describe.ts'
import { resolveVolumeUuid } from './kind.ts'

export async function showVolume(context: ApiContext, reference: string): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveVolumeUuid(context, reference)
  const volume = await api.volumes.get({ params: { uuid } }, { signal })
  output.render({
    table: () => {
      for (const line of volumePage(output, volume)) output.line(line)
    },
    json: volume,
    quiet: [volume.status],
  })
}

function volumePage(output: Output, volume: Volume): string[] {
  const { status_reason: reason, host, shared } = volume
  return [
    `Volume: ${output.style('bold', escapeText(volume.name))}`,
    ruler,
    ...formatFacts([
      ['UUID', volume.uuid],
      ['Status', volumeStatusLabel(output, volume.status)],
      ['Reason', reason && escapeText(`${reason.message} (${reason.code})`)],
      ['Size', volumeSizeLabel(volume)],
      ['Used', usedLabel(volume)],
      ['Driver', escapeText(volume.driver)],
      ['Shared', shared ? 'containers on any host can have it' : 'only containers on its host can have it'],
      ['Host', host && escapeText(host)],
      ['Created', escapeText(formatTime(volume.created_at))],
    ]),
    ...formatSection(
      'Containers',
      volume.containers.map(
        ({ uuid, name, mount_path: path, read_only: readOnly }) =>
          `${escapeText(name)} (${shortId(uuid)}) → ${escapeText(path)}${readOnly ? ' (read-only)' : ''}`,
      ),
    ),
  ]
}
