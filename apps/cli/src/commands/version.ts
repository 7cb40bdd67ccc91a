import { BaseCommand } from '../base-command.ts'
import { showVersion } from '../version.ts'

export default class Version extends BaseCommand {
  static override examples = ['gpulab version', 'gpulab version --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(Version)
    showVersion(await this.context(flags))
  }
}
