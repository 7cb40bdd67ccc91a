import { string as argument } from '@oclif/core/args'
import { boolean, string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { logInToRegistry } from '../../registries/manage.ts'

export default class Login extends BaseCommand {
  static override description =
    "For the team's private images: hosts pull them with it. It takes the place of an earlier login."
  static override examples = [
    'gpulab registries login ghcr.io --username me',
    'echo "$TOKEN" | gpulab registries login docker.io --username me --password-stdin',
  ]
  static override args = {
    registry: argument({
      required: true,
      ignoreStdin: true,
      description: 'like ghcr.io; docker.io is Docker Hub',
    }),
  }
  static override flags = {
    username: string({ char: 'u', summary: 'Who you are there.', helpValue: 'NAME', required: true }),
    'password-stdin': boolean({ summary: 'Read the password or token from standard input.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Login)
    const { username, 'password-stdin': fromStdin } = flags
    await logInToRegistry(await this.apiContext(flags), { registry: args.registry, username, fromStdin })
  }
}
