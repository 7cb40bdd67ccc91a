import type { ApiContext } from '../base-command.ts'
import { escapeText } from '../output/escape.ts'
import { volumeSizeLabel } from './describe.ts'
import { resolveVolumeUuid } from './kind.ts'
import { untilSettled } from './settled.ts'

export async function resizeVolume(context: ApiContext, reference: string, sizeBytes: number): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveVolumeUuid(context, reference)
  const accepted = await api.volumes.resize({ params: { uuid }, body: { size_bytes: sizeBytes } }, { signal })
  const volume = await untilSettled(context, accepted)
  output.render({
    table: () =>
      output.line(
        `${output.style('green', '✓')} Resized ${escapeText(volume.name)} to ${volumeSizeLabel(volume)}`,
      ),
    json: volume,
    quiet: [volume.uuid],
  })
}
