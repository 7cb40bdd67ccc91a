import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { parsePorts } from '../../containers/parse-input.ts'
import { setPorts } from '../../ports/set.ts'
import { containerArgument } from '../arguments.ts'

export default class Set extends BaseCommand {
  static override description =
    'PORTS are all that shall have a URL; others have none any more. "none" takes all away. A private port opens with an API key (header api-key) or a link of gpulab ports url. Counts within seconds; the container goes on running.'
  static override examples = [
    'gpulab ports set my-notebook 8888:private',
    'gpulab ports set my-api 8080,9090:private',
    'gpulab ports set my-job none',
  ]
  static override args = {
    container: containerArgument,
    ports: string({
      required: true,
      ignoreStdin: true,
      multiple: true,
      description: 'PORT[:public|:private], one or more',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Set)
    const isNone = args.ports.length === 1 && args.ports[0] === 'none'
    await setPorts(await this.apiContext(flags), args.container, parsePorts(isNone ? [] : args.ports))
  }
}
