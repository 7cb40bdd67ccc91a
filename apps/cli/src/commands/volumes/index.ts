import { BaseCommand } from '../../base-command.ts'
import { listVolumes } from '../../volumes/list.ts'

export default class Volumes extends BaseCommand {
  static override description = 'Volumes keep files apart from containers, and outlive them.'
  static override examples = ['gpulab volumes', 'gpulab volumes --json']

  async run(): Promise<void> {
    const { flags } = await this.parse(Volumes)
    await listVolumes(await this.apiContext(flags))
  }
}
