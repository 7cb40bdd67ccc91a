import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { parseDuration } from '../../output/duration.ts'
import { waitForSession } from '../../sessions/wait.ts'
import { containerArgument, sessionArgument } from '../arguments.ts'

export default class SessionsWait extends BaseCommand {
  static override description =
    'Ends with the exit code of the session, with 125 where that is not known, and with 124 when the time is over.'
  static override examples = ['gpulab sessions wait my-training-job 1b2c3d4e --timeout 6h']
  static override args = { container: containerArgument, session: sessionArgument }
  static override flags = {
    timeout: string({ summary: 'Give up after this time (never).', helpValue: 'TIME' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsWait)
    const timeoutMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout)
    // The flag is the time of the wait; the one of the HTTP request comes from the environment.
    const context = await this.apiContext({ ...flags, timeout: undefined })
    process.exitCode = await waitForSession(context, args.container, args.session, timeoutMs)
  }
}
