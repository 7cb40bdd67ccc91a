import type { Volume } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { formatTable } from '../output/table.ts'
import { listAll } from '../pages.ts'
import { usedLabel, volumeSizeLabel, volumeStatusLabel } from './describe.ts'

export async function listVolumes({ api, output, signal }: ApiContext): Promise<void> {
  const volumes = await listAll((page) => api.volumes.list({ query: page }, { signal }))
  output.render({
    table: () => {
      const rows = volumes.map((volume) => toRow(output, volume))
      for (const line of formatTable(['NAME', 'SIZE', 'USED', 'STATUS', 'CONTAINERS'], rows))
        output.line(line)
      if (volumes.length === 0) {
        output.note('No volumes yet. Make one: gpulab volumes create --name my-data --size 100')
      }
    },
    json: volumes,
    quiet: volumes.map(({ uuid }) => uuid),
  })
}

const toRow = (output: Output, volume: Volume): string[] => [
  escapeText(volume.name),
  volumeSizeLabel(volume),
  usedLabel(volume),
  volumeStatusLabel(output, volume.status),
  [...new Set(volume.containers.map(({ name }) => escapeText(name)))].join(', ') || '-',
]
