import { createApiKey } from '../../api-keys/create.ts'
import { BaseCommand } from '../../base-command.ts'
import { keyFlags, keyNameArgument, toKeyInput } from '../arguments.ts'

export default class Create extends BaseCommand {
  static override description =
    'Prints a new API key, once. It may do no more, and lives no longer, than the key that makes it.'
  static override examples = [
    'gpulab api-keys create laptop',
    'gpulab api-keys create ci --scopes read,exec --expires 30d',
  ]
  static override args = { name: keyNameArgument }
  static override flags = keyFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Create)
    await createApiKey(await this.apiContext(flags), toKeyInput(args.name, flags))
  }
}
