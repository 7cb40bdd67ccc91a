import { roles } from '@gpulab/contract'
import { string } from '@oclif/core/args'
import { boolean, option, string as stringFlag } from '@oclif/core/flags'
import { createUser } from '../../../admin/users.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class Create extends BaseCommand {
  static override description = 'Adds a user to a team. It has no key yet: gpulab admin keys create.'
  static override examples = ['gpulab admin users create eve@example.com --team research --role viewer']
  static override args = {
    email: string({ required: true, ignoreStdin: true, description: 'address' }),
  }
  static override flags = {
    team: stringFlag({ summary: 'Its team.', helpValue: 'TEAM', required: true }),
    role: option({ summary: 'What it is there.', options: roles, default: 'member' as const })(),
    administrator: boolean({ summary: 'Make it one of the platform team.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Create)
    const { team, role, administrator } = flags
    await createUser(await this.apiContext(flags), { email: args.email, team, role, administrator })
  }
}
