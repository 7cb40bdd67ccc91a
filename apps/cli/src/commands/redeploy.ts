import { BaseCommand } from '../base-command.ts'
import { redeploy } from '../containers/redeploy.ts'
import { containerArgument, forceFlag, waitFlags, waitTimeoutOf } from './arguments.ts'

export default class Redeploy extends BaseCommand {
  static override description =
    'Makes a failed or stopped container anew from its image, on any host with room. It keeps its name, uuid and settings; files that were written in it are lost. To keep them, use gpulab start.'
  static override examples = ['gpulab redeploy my-training-job', 'gpulab redeploy 3f2a9c --force --wait']
  static override args = { container: containerArgument }
  static override flags = { ...waitFlags, force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Redeploy)
    await redeploy(await this.apiContext(flags), args.container, {
      force: flags.force,
      wait: flags.wait,
      waitTimeoutMs: waitTimeoutOf(flags),
    })
  }
}
