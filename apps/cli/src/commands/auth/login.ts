import { boolean } from '@oclif/core/flags'
import { login } from '../../auth/login.ts'
import { BaseCommand } from '../../base-command.ts'

export default class Login extends BaseCommand {
  static override description =
    'Checks the key and stores it, with the URL of the API, readable by you only. Asks for the key on a terminal.'
  static override examples = [
    'gpulab auth login',
    'gpulab auth login --api-url https://gpulab.example.com',
    'echo "$KEY" | gpulab auth login --api-key-stdin',
  ]
  static override flags = {
    'api-key-stdin': boolean({ summary: 'Read the key from standard input.', exclusive: ['api-key'] }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Login)
    await login(await this.context(flags), { fromStdin: flags['api-key-stdin'] })
  }
}
