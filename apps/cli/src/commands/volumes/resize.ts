import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { gibibyte, parseSize } from '../../output/size.ts'
import { resizeVolume } from '../../volumes/resize.ts'
import { volumeArgument } from '../arguments.ts'

export default class Resize extends BaseCommand {
  static override description =
    'Also while containers use it. A volume never gets smaller than what it holds, and a local one never smaller at all.'
  static override examples = ['gpulab volumes resize my-data --size 200']
  static override args = { volume: volumeArgument }
  static override flags = {
    size: string({ summary: 'What it may hold, in GiB or with a unit.', helpValue: 'SIZE', required: true }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Resize)
    await resizeVolume(await this.apiContext(flags), args.volume, parseSize(flags.size, gibibyte))
  }
}
