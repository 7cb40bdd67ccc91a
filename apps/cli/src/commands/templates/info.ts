import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { showTemplate } from '../../templates/show.ts'

export default class Info extends BaseCommand {
  static override examples = ['gpulab templates info pytorch-2.1']
  static override args = {
    template: string({ required: true, ignoreStdin: true, description: 'name, a part of it, or uuid' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Info)
    await showTemplate(await this.apiContext(flags), args.template)
  }
}
