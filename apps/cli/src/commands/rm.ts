import { string } from '@oclif/core/args'
import { BaseCommand } from '../base-command.ts'
import { removeContainers } from '../containers/remove.ts'
import { forceFlag } from './arguments.ts'

export default class Rm extends BaseCommand {
  static override description = 'Deletes containers and everything in them, in whatever status they are.'
  static override examples = ['gpulab rm my-training-job', 'gpulab rm 3f2a9c 77b01d --force']
  static override args = {
    containers: string({
      required: true,
      ignoreStdin: true,
      multiple: true,
      description: 'uuids, prefixes of uuids, or names',
    }),
  }
  static override flags = { force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rm)
    await removeContainers(await this.apiContext(flags), args.containers, { force: flags.force })
  }
}
