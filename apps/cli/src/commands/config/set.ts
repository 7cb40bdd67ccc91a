import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { setSetting } from '../../config/settings.ts'

export default class Set extends BaseCommand {
  static override description =
    'Stores a setting: api_url, default_output (table, json or quiet), default_gpu_type, or profile, which names the profile that is used where none is named. Without a value, it is taken away.'
  static override examples = [
    'gpulab config set default_gpu_type "RTX 4090"',
    'gpulab config set profile work',
    'gpulab config set default_output',
  ]
  static override args = {
    key: string({ required: true, ignoreStdin: true, description: 'name of the setting' }),
    value: string({ ignoreStdin: true, description: 'its value; left out, it is taken away' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Set)
    await setSetting(await this.context(flags), args.key, args.value)
  }
}
