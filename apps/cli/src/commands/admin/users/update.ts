import { GpulabError, roles } from '@gpulab/contract'
import { boolean, option } from '@oclif/core/flags'
import { updateUser } from '../../../admin/users.ts'
import { BaseCommand } from '../../../base-command.ts'
import { userArgument } from '../../arguments.ts'

export default class Update extends BaseCommand {
  static override description = 'A disabled user has no valid key until it is enabled again.'
  static override examples = [
    'gpulab admin users update eve@example.com --role owner',
    'gpulab admin users update eve@example.com --disable',
  ]
  static override args = { user: userArgument }
  static override flags = {
    role: option({ summary: 'What it is in its team.', options: roles })(),
    administrator: boolean({ summary: 'Whether it is of the platform team.', allowNo: true }),
    disable: boolean({ summary: 'Let none of its keys be valid.', exclusive: ['enable'] }),
    enable: boolean({ summary: 'Let its keys be valid again.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Update)
    const { role, administrator, disable, enable } = flags
    const change = {
      ...(role !== undefined && { role }),
      ...(administrator !== undefined && { administrator }),
      ...((disable || enable) && { disabled: disable }),
    }
    if (Object.keys(change).length === 0) {
      throw new GpulabError('input_required', {
        message: 'Say what to change.',
        hint: 'Use --role, --administrator, --no-administrator, --disable or --enable.',
      })
    }
    await updateUser(await this.apiContext(flags), args.user, change)
  }
}
