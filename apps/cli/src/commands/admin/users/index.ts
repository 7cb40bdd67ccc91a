import { string } from '@oclif/core/flags'
import { listUsers } from '../../../admin/users.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class Users extends BaseCommand {
  static override examples = ['gpulab admin users', 'gpulab admin users --team research']
  static override flags = {
    email: string({ summary: 'Only the one of this address.', helpValue: 'ADDRESS' }),
    team: string({ summary: 'Only those of this team.', helpValue: 'TEAM' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Users)
    const { email, team } = flags
    await listUsers(await this.apiContext(flags), { email, team })
  }
}
