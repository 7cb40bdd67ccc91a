import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { listGpuTypes } from '../../gpus/list.ts'
import { mebibyte, parseSize } from '../../output/size.ts'

export default class Gpus extends BaseCommand {
  static override examples = [
    'gpulab gpus',
    'gpulab gpus --type "RTX 4090"',
    'gpulab gpus --min-memory 24000',
  ]
  static override flags = {
    type: string({ summary: 'Only types with this in their name.', helpValue: 'TYPE' }),
    'min-memory': string({
      summary: 'Only cards with this memory, in MiB or with a unit.',
      helpValue: 'SIZE',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Gpus)
    const minMemory = flags['min-memory']
    await listGpuTypes(await this.apiContext(flags), {
      type: flags.type,
      minMemoryBytes: minMemory === undefined ? undefined : parseSize(minMemory, mebibyte),
    })
  }
}
