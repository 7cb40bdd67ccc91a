import { string } from '@oclif/core/args'
import { boolean, option, string as stringFlag } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { readEvents } from '../events/read-events.ts'

export default class Events extends BaseCommand {
  static override description =
    'Without CONTAINER, the events of all containers of the team. With --json, each line is an object { cursor, at, container_uuid, type, status, reason, message }.'
  static override examples = [
    'gpulab events my-training-job',
    'gpulab events --follow --cursor now --type status --json',
  ]
  static override args = {
    container: string({
      ignoreStdin: true,
      description: 'uuid, the first 6 or more characters of it, or name; all when left out',
    }),
  }
  static override flags = {
    follow: boolean({ char: 'f', summary: 'Go on with what comes.' }),
    cursor: stringFlag({
      summary: 'Go on after the event that carried it; now (without CONTAINER): only what comes.',
      helpValue: 'CURSOR',
    }),
    type: option({
      summary: 'Only events of this type.',
      options: ['status', 'deploy_log', 'billing'] as const,
      helpValue: 'TYPE',
    })(),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Events)
    const { follow, cursor, type } = flags
    await readEvents(await this.apiContext(flags), args.container, { follow, cursor, type })
  }
}
