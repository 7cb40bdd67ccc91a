import { boolean } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { inspectContainer } from '../containers/inspect.ts'
import { containerArgument } from './arguments.ts'

export default class Inspect extends BaseCommand {
  static override examples = ['gpulab inspect my-training-job', 'gpulab inspect 3f2a9c --json']
  static override args = { container: containerArgument }
  static override flags = {
    'show-env': boolean({ summary: 'Show the values of environment variables, but of secrets.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Inspect)
    await inspectContainer(await this.apiContext(flags), args.container, { showEnv: flags['show-env'] })
  }
}
