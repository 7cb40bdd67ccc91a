import { boolean } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { showStats, watchStats } from '../stats/show-stats.ts'
import { containerArgument } from './arguments.ts'

export default class Stats extends BaseCommand {
  static override description =
    'CPU is in percent of one core, as docker stats shows it; its bar is of all that the container may use. With --json, an object; with --watch an object a line. With -q, CPU percent and bytes of memory.'
  static override examples = [
    'gpulab stats my-training-job',
    'gpulab stats my-training-job --watch',
    'gpulab stats my-training-job --json',
  ]
  static override args = { container: containerArgument }
  static override flags = {
    watch: boolean({ char: 'w', summary: 'Go on, every 2 seconds, until the container ends.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Stats)
    const context = await this.apiContext(flags)
    await (flags.watch ? watchStats : showStats)(context, args.container)
  }
}
