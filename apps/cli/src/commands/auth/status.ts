import { showStatus } from '../../auth/status.ts'
import { BaseCommand } from '../../base-command.ts'

export default class Status extends BaseCommand {
  static override examples = ['gpulab auth status']

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    await showStatus(await this.context(flags))
  }
}
