import { BaseCommand } from '../../base-command.ts'
import { cordonHost } from '../../hosts/change-state.ts'
import { hostArgument } from '../arguments.ts'

export default class Uncordon extends BaseCommand {
  static override description =
    'For administrators. Places containers on the host again, after cordon, drain or fence. One that was fenced has to be back first, with nothing left of what ran there.'
  static override examples = ['gpulab hosts uncordon gpu-1']
  static override args = { host: hostArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Uncordon)
    await cordonHost(await this.apiContext(flags), args.host, 'uncordon')
  }
}
