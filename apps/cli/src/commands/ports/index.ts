import { BaseCommand } from '../../base-command.ts'
import { listPorts } from '../../ports/list.ts'
import { containerArgument } from '../arguments.ts'

export default class Ports extends BaseCommand {
  static override examples = ['gpulab ports my-notebook', 'gpulab ports my-notebook --json']
  static override args = { container: containerArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Ports)
    await listPorts(await this.apiContext(flags), args.container)
  }
}
