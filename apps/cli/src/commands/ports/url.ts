import { integer } from '@oclif/core/args'
import { string } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { parseDuration } from '../../output/duration.ts'
import { makeLink } from '../../ports/url.ts'
import { containerArgument } from '../arguments.ts'

export default class Url extends BaseCommand {
  static override description =
    'Whoever opens the link gets in until it expires; the browser keeps it as a cookie of that port alone. It ends early with the API key that made it.'
  static override examples = [
    'gpulab ports url my-notebook 8888',
    'gpulab ports url my-notebook 8888 --ttl 8h -q',
  ]
  static override args = {
    container: containerArgument,
    port: integer({ required: true, ignoreStdin: true, min: 1, max: 65_535, description: 'a declared port' }),
  }
  static override flags = {
    ttl: string({ summary: 'How long it is good for (at most 30 days).', helpValue: 'TIME', default: '1h' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Url)
    await makeLink(await this.apiContext(flags), args.container, args.port, parseDuration(flags.ttl))
  }
}
