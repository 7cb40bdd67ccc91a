import { BaseCommand } from '../../base-command.ts'
import { removeHost } from '../../hosts/remove.ts'
import { forceFlag, hostArgument } from '../arguments.ts'

export default class Rm extends BaseCommand {
  static override description =
    'For administrators. Forgets a host without containers; its agent has to join again.'
  static override examples = ['gpulab hosts rm gpu-1', 'gpulab hosts rm gpu-1 --force']
  static override args = { host: hostArgument }
  static override flags = { force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rm)
    await removeHost(await this.apiContext(flags), args.host, { force: flags.force })
  }
}
