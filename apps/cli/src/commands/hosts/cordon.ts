import { BaseCommand } from '../../base-command.ts'
import { cordonHost } from '../../hosts/change-state.ts'
import { hostArgument } from '../arguments.ts'

export default class Cordon extends BaseCommand {
  static override description =
    'For administrators. Places no more containers on the host; those that are there go on.'
  static override examples = ['gpulab hosts cordon gpu-1']
  static override args = { host: hostArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cordon)
    await cordonHost(await this.apiContext(flags), args.host, 'cordon')
  }
}
