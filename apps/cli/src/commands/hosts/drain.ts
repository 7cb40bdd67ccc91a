import { BaseCommand } from '../../base-command.ts'
import { drainHost } from '../../hosts/change-state.ts'
import { forceFlag, hostArgument, waitFlags, waitTimeoutOf } from '../arguments.ts'

export default class Drain extends BaseCommand {
  static override description =
    'For administrators. Places no more containers on the host, and stops those that run there. They keep their files. With --wait, it ends with 0 once the host has proven that nothing runs on it, and with 124 when the time is over.'
  static override examples = [
    'gpulab hosts drain gpu-1',
    'gpulab hosts drain gpu-1 --force --wait --wait-timeout 5m',
  ]
  static override args = { host: hostArgument }
  static override flags = { force: forceFlag, ...waitFlags }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Drain)
    await drainHost(await this.apiContext(flags), args.host, {
      force: flags.force,
      wait: flags.wait,
      waitTimeoutMs: waitTimeoutOf(flags),
    })
  }
}
