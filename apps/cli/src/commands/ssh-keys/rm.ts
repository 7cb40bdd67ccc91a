import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { removeSshKey } from '../../ssh-keys/manage.ts'
import { forceFlag } from '../arguments.ts'

export default class Rm extends BaseCommand {
  static override examples = ['gpulab ssh-keys rm my-laptop']
  static override args = {
    key: string({ required: true, ignoreStdin: true, description: 'name, uuid or its first characters' }),
  }
  static override flags = { force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rm)
    await removeSshKey(await this.apiContext(flags), args.key, { force: flags.force })
  }
}
