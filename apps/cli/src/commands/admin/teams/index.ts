import { listTeams } from '../../../admin/teams.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class Teams extends BaseCommand {
  static override examples = ['gpulab admin teams']

  async run(): Promise<void> {
    const { flags } = await this.parse(Teams)
    await listTeams(await this.apiContext(flags))
  }
}
