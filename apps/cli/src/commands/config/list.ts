import { BaseCommand } from '../../base-command.ts'
import { listSettings } from '../../config/settings.ts'

export default class List extends BaseCommand {
  static override description =
    'Shows what is used now, and where it comes from: a flag, the environment, the file, or nothing.'
  static override examples = ['gpulab config list', 'gpulab config list --profile work --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(List)
    listSettings(await this.context(flags))
  }
}
