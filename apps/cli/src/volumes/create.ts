import type { CreateVolume, VolumeDriver } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { chooseGpuTypes } from '../containers/gpu-types.ts'
import { escapeText } from '../output/escape.ts'
import { volumeSizeLabel } from './describe.ts'
import { untilSettled } from './settled.ts'

export interface CreateInput {
  readonly name: string
  readonly sizeBytes: number
  readonly driver: VolumeDriver | undefined
  readonly gpuType: string | undefined
}

export async function createVolume(context: ApiContext, input: CreateInput): Promise<void> {
  const { api, output, signal } = context
  const { name, sizeBytes, driver, gpuType } = input
  const chosen = gpuType === undefined ? {} : await chooseGpuTypes(context, [gpuType], undefined)
  const body: Pick<CreateVolume, 'name' | 'size_bytes' | 'gpu_type'> & { driver?: VolumeDriver } = {
    name,
    size_bytes: sizeBytes,
    ...(driver && { driver }),
    ...('gpu_type' in chosen && { gpu_type: chosen.gpu_type }),
  }
  const volume = await untilSettled(context, await api.volumes.create({ body }, { signal }))
  output.render({
    table: () => {
      output.line(
        `${output.style('green', '✓')} Created ${escapeText(volume.name)} (${volumeSizeLabel(volume)})`,
      )
      if (volume.enforced === false)
        output.note('Its host can not hold it to its size: it is a plain folder there.')
      output.note(`Use it: gpulab deploy --volume ${escapeText(volume.name)} --mount-path /workspace …`)
    },
    json: volume,
    quiet: [volume.uuid],
  })
}
