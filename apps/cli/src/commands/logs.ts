import { boolean, string } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { parseTail, readDeployLog, readLogs } from '../logs/read-logs.ts'
import { parseMoment } from '../output/moment.ts'
import { containerArgument } from './arguments.ts'

export default class Logs extends BaseCommand {
  static override description =
    'Standard output and standard error of the container go to those of this command. With --json, each line is an object { ts, stream, line, cursor }.'
  static override examples = [
    'gpulab logs my-training-job --tail 500',
    'gpulab logs my-training-job --follow --since 10m',
    'gpulab logs my-training-job --deploy',
  ]
  static override args = { container: containerArgument }
  static override flags = {
    follow: boolean({ char: 'f', summary: 'Go on until the container ends.' }),
    tail: string({ char: 'n', summary: 'Lines from the end, or all (100).', helpValue: 'N' }),
    since: string({ summary: 'Only lines after this time: RFC 3339, or 10m.', helpValue: 'TIME' }),
    until: string({ summary: 'Only lines before this time.', helpValue: 'TIME' }),
    timestamps: boolean({ char: 't', summary: 'Begin each line with its time.' }),
    stdout: boolean({ summary: 'Only standard output.', exclusive: ['stderr'] }),
    stderr: boolean({ summary: 'Only standard error.' }),
    deploy: boolean({
      summary: 'Show the deployment log instead.',
      exclusive: ['tail', 'since', 'until', 'stdout', 'stderr'],
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs)
    const { follow, timestamps, tail, since, until } = flags
    const now = Date.now()
    const input = {
      follow,
      timestamps,
      tail: tail === undefined ? undefined : parseTail(tail),
      since: since === undefined ? undefined : toTime(since, now),
      until: until === undefined ? undefined : toTime(until, now),
      stream: flags.stderr ? ('stderr' as const) : flags.stdout ? ('stdout' as const) : undefined,
    }
    const context = await this.apiContext(flags)
    await (flags.deploy ? readDeployLog : readLogs)(context, args.container, input)
  }
}

/** A bare number is seconds, as in every duration. */
const toTime = (text: string, now: number): string => parseMoment(/^\d+$/.test(text) ? `${text}s` : text, now)
