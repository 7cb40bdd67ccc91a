import { string } from '@oclif/core/args'
import { string as stringFlag } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { forwardPorts } from '../ports/forward-ports.ts'
import { parseForward } from '../ports/parse-forward.ts'
import { containerArgument } from './arguments.ts'

export default class PortForward extends BaseCommand {
  static override description =
    'Connections to a port of this machine reach services that listen in the container, on its 127.0.0.1 too. LOCAL is the same port if it is not given, and any free one if it is 0. Goes on until Ctrl-C, also while the container restarts; with --json, an object a line for each port that is ready.'
  static override examples = [
    'gpulab port-forward my-notebook 8888',
    'gpulab port-forward my-notebook 8888:9999 6006:0',
    'gpulab port-forward my-notebook 8888 --address 0.0.0.0',
  ]
  static override args = {
    container: containerArgument,
    ports: string({
      required: true,
      ignoreStdin: true,
      multiple: true,
      description: 'PORT[:LOCAL], one or more',
    }),
  }
  static override flags = {
    address: stringFlag({
      summary: 'Listen on this address; others than loopback let others in.',
      helpValue: 'IP',
      default: '127.0.0.1',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PortForward)
    const forwards = args.ports.map(parseForward)
    await forwardPorts(await this.apiContext(flags), args.container, forwards, flags.address)
  }
}
