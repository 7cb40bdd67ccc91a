import { boolean, string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { parseOffset } from '../../sessions/parse-offset.ts'
import { attachToSession } from '../../sessions/attach.ts'
import { Interruption } from '../../sessions/interruption.ts'
import { containerArgument, sessionArgument } from '../arguments.ts'

export default class SessionsAttach extends BaseCommand {
  static override description =
    'Takes the place of whoever is attached. A session with a terminal gets this one, and its screen is drawn anew; of another one, everything that is kept comes first. Whoever leaves (~. at the beginning of a line, or Ctrl-C twice where there is no terminal) lets it go on. Ends with the exit code of the session; 125 when GPULab itself failed.'
  static override examples = [
    'gpulab sessions attach my-training-job 1b2c3d4e',
    'gpulab sessions attach my-training-job 1b2c3d4e --offset 1048576',
  ]
  static override args = { container: containerArgument, session: sessionArgument }
  static override flags = {
    stdin: boolean({ char: 'i', summary: 'Give it standard input, to its end.' }),
    offset: string({ summary: 'Output from this byte on.', helpValue: 'BYTES' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsAttach)
    using interruption = new Interruption()
    const context = await this.apiContext(flags, interruption)
    process.exitCode = await attachToSession(context, interruption, args.container, args.session, {
      stdin: flags.stdin,
      offset: flags.offset === undefined ? undefined : parseOffset(flags.offset),
    })
  }
}
