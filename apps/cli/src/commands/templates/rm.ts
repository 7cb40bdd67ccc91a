import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { removeTemplate } from '../../templates/change.ts'
import { globalFlag } from '../../templates/flags.ts'
import { forceFlag } from '../arguments.ts'

export default class Rm extends BaseCommand {
  static override examples = ['gpulab templates rm trainer']
  static override args = {
    template: string({ required: true, ignoreStdin: true, description: 'exact name, or uuid' }),
  }
  static override flags = {
    force: forceFlag,
    global: globalFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rm)
    const { global: isShared, force } = flags
    await removeTemplate(await this.apiContext(flags), args.template, { isShared, force })
  }
}
