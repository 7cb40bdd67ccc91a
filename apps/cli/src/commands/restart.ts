import { BaseCommand } from '../base-command.ts'
import { changeState } from '../containers/change-state.ts'
import { containerArgument, waitFlags, waitTimeoutOf } from './arguments.ts'

export default class Restart extends BaseCommand {
  static override examples = ['gpulab restart my-training-job', 'gpulab restart 3f2a9c --wait']
  static override args = { container: containerArgument }
  static override flags = waitFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Restart)
    const waitTimeoutMs = waitTimeoutOf(flags)
    await changeState(await this.apiContext(flags), 'restart', args.container, {
      wait: flags.wait,
      waitTimeoutMs,
    })
  }
}
