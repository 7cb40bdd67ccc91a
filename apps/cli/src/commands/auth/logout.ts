import { logout } from '../../auth/logout.ts'
import { BaseCommand } from '../../base-command.ts'

export default class Logout extends BaseCommand {
  static override examples = ['gpulab auth logout']

  async run(): Promise<void> {
    const { flags } = await this.parse(Logout)
    await logout(await this.context(flags))
  }
}
