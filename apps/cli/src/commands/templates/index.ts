import { option } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { listTemplates } from '../../templates/list.ts'

export default class Templates extends BaseCommand {
  static override examples = ['gpulab templates', 'gpulab templates --type gpu']
  static override flags = {
    type: option({ summary: 'Only templates of this type.', options: ['gpu', 'cpu'] as const })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Templates)
    await listTemplates(await this.apiContext(flags), flags.type)
  }
}
