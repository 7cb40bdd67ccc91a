import { BaseCommand } from '../../base-command.ts'
import { removeVolume } from '../../volumes/remove.ts'
import { forceFlag, volumeArgument } from '../arguments.ts'

export default class Rm extends BaseCommand {
  static override description = 'Deletes a volume that no container has, and everything in it.'
  static override examples = ['gpulab volumes rm my-data', 'gpulab volumes rm my-data --force']
  static override args = { volume: volumeArgument }
  static override flags = { force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rm)
    await removeVolume(await this.apiContext(flags), args.volume, { force: flags.force })
  }
}
