import { BaseCommand } from '../../base-command.ts'
import { gpuFlags, toGpuFilter } from '../../gpus/flags.ts'
import { listGpuTypes } from '../../gpus/list.ts'

export default class Types extends BaseCommand {
  static override description = 'Also those of which all cards are taken, or their hosts away.'
  static override examples = ['gpulab gpus types', 'gpulab gpus types --json']
  static override flags = gpuFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Types)
    await listGpuTypes(await this.apiContext(flags), toGpuFilter(flags), { isAll: true })
  }
}
