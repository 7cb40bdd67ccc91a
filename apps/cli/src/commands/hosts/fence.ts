import { boolean } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { fenceHost } from '../../hosts/fence.ts'
import { hostArgument } from '../arguments.ts'

export default class Fence extends BaseCommand {
  static override description =
    'For administrators. Declares a host that has gone silent dead: its containers fail, and the leases of its GPUs end. Make sure that the machine is off: what still runs there is not known any more. Asks for the name of the host.'
  static override examples = ['gpulab hosts fence gpu-1', 'gpulab hosts fence gpu-1 --yes']
  static override args = { host: hostArgument }
  static override flags = { yes: boolean({ aliases: ['force'], summary: 'Do not ask: the machine is off.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Fence)
    await fenceHost(await this.apiContext(flags), args.host, { yes: flags.yes })
  }
}
