import { GpulabError } from '@gpulab/contract'
import { boolean } from '@oclif/core/flags'
import { updateTeam } from '../../../admin/teams.ts'
import { BaseCommand } from '../../../base-command.ts'
import { teamArgument } from '../../arguments.ts'

export default class Update extends BaseCommand {
  static override description =
    'A prepaid team runs nothing that costs without credit (gpulab admin credits); others are billed afterwards.'
  static override examples = ['gpulab admin teams update research --prepaid']
  static override args = { team: teamArgument }
  static override flags = { prepaid: boolean({ summary: 'Whether it pays beforehand.', allowNo: true }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Update)
    if (flags.prepaid === undefined) {
      throw new GpulabError('input_required', {
        message: 'Say what to change.',
        hint: 'Use --prepaid or --no-prepaid.',
      })
    }
    await updateTeam(await this.apiContext(flags), args.team, { prepaid: flags.prepaid })
  }
}
