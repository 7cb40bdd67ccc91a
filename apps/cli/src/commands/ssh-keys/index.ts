import { BaseCommand } from '../../base-command.ts'
import { listSshKeys } from '../../ssh-keys/manage.ts'

export default class SshKeys extends BaseCommand {
  static override examples = ['gpulab ssh-keys', 'gpulab ssh-keys --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(SshKeys)
    await listSshKeys(await this.apiContext(flags))
  }
}
