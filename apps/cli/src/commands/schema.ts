import { BaseCommand } from '../base-command.ts'
import { showSchema } from '../schema/show-schema.ts'

export default class Schema extends BaseCommand {
  static override description =
    'Prints the JSON Schema of what a command prints with --json; of commands that print line after line, that of a line. "error" is what every command prints to standard error when it fails. Later versions may add keys, and take none away.'
  static override usage = 'schema COMMAND'
  static override examples = ['gpulab schema ls', 'gpulab schema sessions wait', 'gpulab schema error']
  static override strict = false

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Schema)
    showSchema(await this.context(flags), argv as string[])
  }
}
