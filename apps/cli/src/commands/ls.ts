import { statuses } from '@gpulab/contract'
import { option } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { listContainers } from '../containers/list.ts'

export default class Ls extends BaseCommand {
  static override examples = ['gpulab ls', 'gpulab ls --status running', 'gpulab ls -q']
  static override flags = {
    status: option({ summary: 'Only containers in this status.', options: statuses, helpValue: 'STATUS' })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Ls)
    await listContainers(await this.apiContext(flags), flags.status)
  }
}
