import { BaseCommand } from '../../base-command.ts'
import { listHosts } from '../../hosts/list.ts'

export default class Hosts extends BaseCommand {
  static override description =
    'For administrators. CPU and MEM are what containers may use, of what the host has; PROBLEMS counts checks that are not well.'
  static override examples = ['gpulab hosts', 'gpulab hosts ls --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(Hosts)
    await listHosts(await this.apiContext(flags))
  }
}
