import { revokeApiKey } from '../../api-keys/revoke.ts'
import { BaseCommand } from '../../base-command.ts'
import { forceFlag, keyArgument } from '../arguments.ts'

export default class Revoke extends BaseCommand {
  static override examples = ['gpulab api-keys revoke ci', 'gpulab api-keys revoke aB3dE6gH --force']
  static override args = { key: keyArgument }
  static override flags = { force: forceFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Revoke)
    await revokeApiKey(await this.apiContext(flags), args.key, { force: flags.force, all: false })
  }
}
