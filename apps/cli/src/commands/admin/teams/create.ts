import { string } from '@oclif/core/args'
import { boolean } from '@oclif/core/flags'
import { createTeam } from '../../../admin/teams.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class Create extends BaseCommand {
  static override examples = ['gpulab admin teams create research']
  static override args = { name: string({ required: true, ignoreStdin: true, description: 'its name' }) }
  static override flags = { prepaid: boolean({ summary: 'Let it pay beforehand, from credits.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Create)
    await createTeam(await this.apiContext(flags), { name: args.name, prepaid: flags.prepaid })
  }
}
