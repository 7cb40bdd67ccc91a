import { option, string } from '@oclif/core/flags'
import { volumeDrivers } from '@gpulab/contract'
import { BaseCommand } from '../../base-command.ts'
import { gibibyte, parseSize } from '../../output/size.ts'
import { createVolume } from '../../volumes/create.ts'

export default class Create extends BaseCommand {
  static override description =
    'A local volume is on one host, and so are the containers that have it; containers on any host can have one of the other kinds, where the operator has set them up.'
  static override examples = [
    'gpulab volumes create --name my-data --size 100',
    'gpulab volumes create --name my-data --size 500GiB --gpu-type H100',
    'gpulab volumes create --name shared --size 2TiB --driver moosefs',
  ]
  static override flags = {
    name: string({ summary: 'Name of the volume.', helpValue: 'NAME', required: true }),
    size: string({ summary: 'What it may hold, in GiB or with a unit.', helpValue: 'SIZE', required: true }),
    driver: option({
      summary: 'How it is kept (as the operator has chosen).',
      options: volumeDrivers,
      helpValue: volumeDrivers.join('|'),
    })(),
    'gpu-type': string({
      summary: 'Of a local volume: on a host that has GPUs of this type.',
      helpValue: 'TYPE',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Create)
    await createVolume(await this.apiContext(flags), {
      name: flags.name,
      sizeBytes: parseSize(flags.size, gibibyte),
      driver: flags.driver,
      gpuType: flags['gpu-type'],
    })
  }
}
