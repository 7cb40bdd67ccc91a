import { groupings } from '@gpulab/contract'
import { option, string } from '@oclif/core/flags'
import { showUsage } from '../account/usage.ts'
import { BaseCommand } from '../base-command.ts'
import { parseMoment } from '../output/moment.ts'

export default class Usage extends BaseCommand {
  static override description =
    'What your team was charged for, this month unless told otherwise. GPU TIME is time times cards; days are in UTC. With -q, the total.'
  static override examples = [
    'gpulab usage',
    'gpulab usage --by container --from 2026-03-01 --to 2026-04-01',
    'gpulab usage --by gpu-type --json',
  ]
  static override flags = {
    by: option({ summary: 'What is added up.', options: groupings, default: 'day' as const })(),
    from: string({ summary: 'From this day or time on.', helpValue: 'TIME' }),
    to: string({ summary: 'Until this day or time.', helpValue: 'TIME' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Usage)
    const { by, from, to } = flags
    await showUsage(await this.apiContext(flags), {
      by,
      from: from === undefined ? undefined : parseMoment(from),
      to: to === undefined ? undefined : parseMoment(to),
    })
  }
}
