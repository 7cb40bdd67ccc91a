import { showAccount } from '../account/show.ts'
import { BaseCommand } from '../base-command.ts'

export default class Account extends BaseCommand {
  static override description = 'Who you are, what your team has left and pays, and its limits.'
  static override examples = ['gpulab account', 'gpulab account --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(Account)
    await showAccount(await this.apiContext(flags))
  }
}
