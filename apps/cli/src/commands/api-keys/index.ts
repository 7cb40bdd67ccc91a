import { listApiKeys } from '../../api-keys/list.ts'
import { BaseCommand } from '../../base-command.ts'

export default class ApiKeys extends BaseCommand {
  static override description = "Your own keys; as an owner, all of your team's."
  static override examples = ['gpulab api-keys', 'gpulab api-keys ls --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(ApiKeys)
    await listApiKeys(await this.apiContext(flags))
  }
}
