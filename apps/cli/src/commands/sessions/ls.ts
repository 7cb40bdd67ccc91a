import { boolean } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { listSessions } from '../../sessions/list.ts'
import { containerArgument } from '../arguments.ts'

export default class SessionsLs extends BaseCommand {
  static override description =
    'Those that run, and detached ones for 24 hours after their end; with --all every one that has ended in the last 10 minutes.'
  static override examples = ['gpulab sessions ls my-training-job']
  static override args = { container: containerArgument }
  static override flags = { all: boolean({ char: 'a', summary: 'Those that have ended too.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsLs)
    await listSessions(await this.apiContext(flags), args.container, { all: flags.all })
  }
}
