import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { logOutOfRegistry } from '../../registries/manage.ts'

export default class Logout extends BaseCommand {
  static override description =
    'Containers stay, and so does what hosts have pulled, which nobody gets without a login.'
  static override examples = ['gpulab registries logout ghcr.io']
  static override args = {
    registry: string({ required: true, ignoreStdin: true, description: 'as gpulab registries lists it' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logout)
    await logOutOfRegistry(await this.apiContext(flags), args.registry)
  }
}
