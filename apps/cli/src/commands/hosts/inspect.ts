import { BaseCommand } from '../../base-command.ts'
import { inspectHost } from '../../hosts/inspect.ts'
import { hostArgument } from '../arguments.ts'

export default class Inspect extends BaseCommand {
  static override description =
    'For administrators. Shows the state of the host, its checks, who holds its GPUs, and its containers.'
  static override examples = ['gpulab hosts inspect gpu-1', 'gpulab hosts inspect 8c1d2e --json']
  static override args = { host: hostArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Inspect)
    await inspectHost(await this.apiContext(flags), args.host)
  }
}
