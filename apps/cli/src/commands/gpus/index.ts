import { BaseCommand } from '../../base-command.ts'
import { gpuFlags, toGpuFilter } from '../../gpus/flags.ts'
import { listGpuTypes } from '../../gpus/list.ts'

export default class Gpus extends BaseCommand {
  static override examples = [
    'gpulab gpus',
    'gpulab gpus --type "RTX 4090"',
    'gpulab gpus --min-memory 24000',
  ]
  static override flags = gpuFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Gpus)
    await listGpuTypes(await this.apiContext(flags), toGpuFilter(flags), { isAll: false })
  }
}
