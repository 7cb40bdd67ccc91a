import { string } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { parseDuration } from '../output/duration.ts'
import { parseGoal } from '../wait/parse-goal.ts'
import { waitFor } from '../wait/wait-for.ts'
import { containerArgument } from './arguments.ts'

export default class Wait extends BaseCommand {
  static override description =
    'Ends with 0 when it is so, with 124 when the time is over, and with 1 as soon as it can not be so any more. A line of the log counts when the present run has written it before. For a port, /proc/net/tcp is read in the container, which takes an image with cat and a key with the scope exec.'
  static override examples = [
    'gpulab wait my-training-job --for running',
    'gpulab wait my-notebook --for port:8888 --timeout 2m',
    'gpulab wait my-training-job --for "log:/epoch 10\\b/i" --timeout 6h',
  ]
  static override args = { container: containerArgument }
  static override flags = {
    for: string({
      required: true,
      summary: 'running, stopped, port:8888 or log:/regex/.',
      helpValue: 'GOAL',
    }),
    timeout: string({ summary: 'Give up after this time.', helpValue: 'TIME', default: '5m' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Wait)
    const goal = parseGoal(flags.for)
    const timeoutMs = parseDuration(flags.timeout)
    // The flag is the time of the wait; the one of the HTTP request comes from the environment.
    await waitFor(await this.apiContext({ ...flags, timeout: undefined }), args.container, goal, timeoutMs)
  }
}
