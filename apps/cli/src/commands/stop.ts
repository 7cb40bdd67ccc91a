import { BaseCommand } from '../base-command.ts'
import { changeState } from '../containers/change-state.ts'
import { containerArgument, waitFlags, waitTimeoutOf } from './arguments.ts'

export default class Stop extends BaseCommand {
  static override examples = ['gpulab stop my-training-job', 'gpulab stop 3f2a9c --wait']
  static override args = { container: containerArgument }
  static override flags = waitFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Stop)
    const waitTimeoutMs = waitTimeoutOf(flags)
    await changeState(await this.apiContext(flags), 'stop', args.container, {
      wait: flags.wait,
      waitTimeoutMs,
    })
  }
}
