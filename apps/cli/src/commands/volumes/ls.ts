import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { listFiles } from '../../volumes/list-files.ts'
import { volumeArgument } from '../arguments.ts'

export default class Ls extends BaseCommand {
  static override description =
    'The files of one folder of a volume. The volumes themselves are listed by gpulab volumes.'
  static override examples = ['gpulab volumes ls my-data', 'gpulab volumes ls my-data --path /training-data']
  static override args = { volume: volumeArgument }
  static override ifMissing = 'Name the volume whose files you want; gpulab volumes lists the volumes.'
  static override flags = {
    path: string({ summary: 'Folder in the volume (its root).', helpValue: 'PATH', default: '/' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Ls)
    await listFiles(await this.apiContext(flags), args.volume, flags.path)
  }
}
