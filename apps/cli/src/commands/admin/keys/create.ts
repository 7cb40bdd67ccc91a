import { string } from '@oclif/core/flags'
import { createKeyOf } from '../../../api-keys/create.ts'
import { BaseCommand } from '../../../base-command.ts'
import { keyFlags, keyNameArgument, toKeyInput } from '../../arguments.ts'

export default class Create extends BaseCommand {
  static override description =
    'Prints a new API key of a user, once. It has the scopes read, write and exec unless told otherwise.'
  static override examples = ['gpulab admin keys create first --user eve@example.com --expires 90d']
  static override args = { name: keyNameArgument }
  static override flags = {
    ...keyFlags,
    user: string({ summary: 'Whose key it is.', helpValue: 'USER', required: true }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Create)
    await createKeyOf(await this.apiContext(flags), flags.user, toKeyInput(args.name, flags))
  }
}
