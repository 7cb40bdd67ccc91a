import { BaseCommand } from '../../base-command.ts'
import { showVolume } from '../../volumes/show.ts'
import { volumeArgument } from '../arguments.ts'

export default class Info extends BaseCommand {
  static override examples = ['gpulab volumes info my-data', 'gpulab volumes info 8c1d2e --json']
  static override args = { volume: volumeArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Info)
    await showVolume(await this.apiContext(flags), args.volume)
  }
}
