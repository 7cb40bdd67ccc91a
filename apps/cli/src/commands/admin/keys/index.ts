import { string } from '@oclif/core/flags'
import { resolveTeam, resolveUser } from '../../../admin/kinds.ts'
import { listAllKeys } from '../../../api-keys/list.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class Keys extends BaseCommand {
  static override examples = ['gpulab admin keys', 'gpulab admin keys --user eve@example.com']
  static override flags = {
    user: string({ summary: 'Only those of this user.', helpValue: 'USER' }),
    team: string({ summary: 'Only those of this team.', helpValue: 'TEAM' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Keys)
    const context = await this.apiContext(flags)
    const { user, team } = flags
    await listAllKeys(context, {
      ...(user !== undefined && { user: (await resolveUser(context, user)).uuid }),
      ...(team !== undefined && { team: (await resolveTeam(context, team)).uuid }),
    })
  }
}
