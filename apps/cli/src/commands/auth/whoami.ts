import { whoami } from '../../auth/whoami.ts'
import { BaseCommand } from '../../base-command.ts'

export default class Whoami extends BaseCommand {
  static override examples = ['gpulab auth whoami']

  async run(): Promise<void> {
    const { flags } = await this.parse(Whoami)
    await whoami(await this.apiContext(flags))
  }
}
