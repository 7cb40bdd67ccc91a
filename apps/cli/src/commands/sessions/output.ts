import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { parseSize } from '../../output/size.ts'
import { printSessionOutput } from '../../sessions/output.ts'
import { parseOffset } from '../../sessions/parse-offset.ts'
import { containerArgument, sessionArgument } from '../arguments.ts'

export default class SessionsOutput extends BaseCommand {
  static override description =
    'Standard output and standard error go to those of this command, byte for byte; with --json, each run of bytes is an object { offset, stream, data, gap }, data in base64. Of a session that is not detached only while nobody is attached.'
  static override examples = [
    'gpulab sessions output my-training-job 1b2c3d4e',
    'gpulab sessions output my-training-job 1b2c3d4e --offset 1048576 --limit 64KiB',
  ]
  static override args = { container: containerArgument, session: sessionArgument }
  static override flags = {
    offset: string({ summary: 'From this byte on (what is kept).', helpValue: 'BYTES' }),
    limit: string({ summary: 'At most so much (all of it).', helpValue: 'SIZE' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsOutput)
    const range = {
      offset: flags.offset === undefined ? 0 : parseOffset(flags.offset),
      limit: flags.limit === undefined ? undefined : parseSize(flags.limit, 1),
    }
    await printSessionOutput(await this.apiContext(flags), args.container, args.session, range)
  }
}
