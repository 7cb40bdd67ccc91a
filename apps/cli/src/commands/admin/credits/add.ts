import { string } from '@oclif/core/args'
import { string as stringFlag } from '@oclif/core/flags'
import { addCredit } from '../../../admin/credits.ts'
import { BaseCommand } from '../../../base-command.ts'
import { teamArgument } from '../../arguments.ts'

export default class Add extends BaseCommand {
  static override description = 'Gives a team credit; an amount below zero (after --) takes it away.'
  static override examples = [
    'gpulab admin credits add research 500 --note "invoice 17"',
    'gpulab admin credits add research -- -20',
  ]
  static override args = {
    team: teamArgument,
    amount: string({ required: true, ignoreStdin: true, description: 'a decimal like 100 or 12.50' }),
  }
  static override flags = { note: stringFlag({ summary: 'What it is for.', helpValue: 'TEXT' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Add)
    await addCredit(await this.apiContext(flags), args.team, {
      amount: args.amount,
      note: flags.note ?? '',
    })
  }
}
