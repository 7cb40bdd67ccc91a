import { BaseCommand } from '../../base-command.ts'
import { listRegistries } from '../../registries/manage.ts'

export default class Registries extends BaseCommand {
  static override examples = ['gpulab registries', 'gpulab registries --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(Registries)
    await listRegistries(await this.apiContext(flags))
  }
}
