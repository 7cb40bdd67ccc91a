import { BaseCommand } from '../../base-command.ts'
import { drainHost } from '../../hosts/change-state.ts'
import { forceFlag, hostArgument } from '../arguments.ts'

export default class Drain extends BaseCommand {
  static override description =
    'For administrators. Places no more containers on the host, and stops those that run there. They keep their files.'
  static override examples = ['gpulab hosts drain gpu-1', 'gpulab hosts drain gpu-1 --force']
  static override args = { host: hostArgument }
  static override flags = { force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Drain)
    await drainHost(await this.apiContext(flags), args.host, { force: flags.force })
  }
}
