import { BaseCommand } from '../../base-command.ts'
import { killSession } from '../../sessions/kill.ts'
import { containerArgument, sessionArgument } from '../arguments.ts'

export default class SessionsKill extends BaseCommand {
  static override description = 'Double forks and what has left its process group are killed too.'
  static override examples = ['gpulab sessions kill my-training-job 1b2c3d4e']
  static override args = { container: containerArgument, session: sessionArgument }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsKill)
    await killSession(await this.apiContext(flags), args.container, args.session)
  }
}
