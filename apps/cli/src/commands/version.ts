import { BaseCommand } from '../base-command.ts'
import { formatVersion, getVersion } from '../version.ts'

export default class Version extends BaseCommand {
  static override examples = ['gpulab version', 'gpulab version --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(Version)
    const { output } = await this.context(flags)
    const version = getVersion()
    output.render({
      table: () => output.line(formatVersion(version)),
      json: version,
      quiet: [version.version],
    })
  }
}
