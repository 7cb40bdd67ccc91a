import { listCredits } from '../../../admin/credits.ts'
import { BaseCommand } from '../../../base-command.ts'
import { teamArgument } from '../../arguments.ts'

export default class Credits extends BaseCommand {
  static override examples = ['gpulab admin credits research']
  static override args = { team: teamArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Credits)
    await listCredits(await this.apiContext(flags), args.team)
  }
}
