import { string } from '@oclif/core/args'
import { showQuotas } from '../../../admin/quotas.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class Show extends BaseCommand {
  static override description = 'What teams may have at a time; "-" is as much as there is.'
  static override examples = ['gpulab admin quotas', 'gpulab admin quotas research']
  static override args = { team: string({ ignoreStdin: true, description: 'only this one' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Show)
    await showQuotas(await this.apiContext(flags), args.team)
  }
}
