import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { getSetting } from '../../config/settings.ts'

export default class Get extends BaseCommand {
  static override description = 'Shows one setting as it is used now.'
  static override examples = ['gpulab config get api_url']
  static override args = {
    key: string({ required: true, ignoreStdin: true, description: 'name of the setting' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Get)
    getSetting(await this.context(flags), args.key)
  }
}
