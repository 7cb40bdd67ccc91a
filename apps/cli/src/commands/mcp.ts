import { boolean } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { serveMcp } from '../mcp/serve-mcp.ts'

export default class Mcp extends BaseCommand {
  static override description =
    'Serves tools to an agent (Model Context Protocol, over standard input and output): list, deploy, inspect, exec, read and write files, logs, stats, wait, stop, start, remove. It acts with your key: give an agent one of its own, with the scopes and limits that it needs.'
  static override examples = ['gpulab mcp', 'gpulab mcp --read-only', 'claude mcp add gpulab -- gpulab mcp']
  static override flags = {
    'read-only': boolean({ summary: 'Only tools that change nothing.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Mcp)
    await serveMcp(await this.apiContext(flags), { isReadOnly: flags['read-only'] })
  }
}
