import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { addSshKey } from '../../ssh-keys/manage.ts'

export default class Add extends BaseCommand {
  static override description =
    'Ed25519, ECDSA and RSA (2048 bits or more) keys; those of hardware tokens do not work yet. They are for the SSH gateway, which your operator runs; gpulab ssh needs none.'
  static override examples = [
    'gpulab ssh-keys add --name my-laptop --key-file ~/.ssh/id_ed25519.pub',
    'gpulab ssh-keys add --name my-laptop --key "ssh-ed25519 AAAA…"',
  ]
  static override flags = {
    name: string({ summary: 'What to call it.', helpValue: 'NAME', required: true }),
    key: string({ summary: 'The public key.', helpValue: 'KEY', exclusive: ['key-file'] }),
    'key-file': string({ summary: 'A file with the public key.', helpValue: 'FILE' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Add)
    const { name, key, 'key-file': file } = flags
    await addSshKey(await this.apiContext(flags), { name, key, file })
  }
}
