import { GpulabError } from '@gpulab/contract'
import { string } from '@oclif/core/args'
import { option, string as stringFlag } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { updateTemplate } from '../../templates/change.ts'
import { templateFlags, toTemplateFields } from '../../templates/flags.ts'

export default class Update extends BaseCommand {
  static override description = 'Changes what is named; containers stay as they were deployed.'
  static override examples = ['gpulab templates update trainer --image ghcr.io/team/trainer:3']
  static override args = {
    template: string({ required: true, ignoreStdin: true, description: 'exact name, or uuid' }),
  }
  static override flags = {
    ...templateFlags,
    image: stringFlag({ summary: 'Image.', helpValue: 'IMAGE' }),
    type: option({ summary: 'What it is for.', options: ['gpu', 'cpu'] as const })(),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Update)
    const body = {
      ...toTemplateFields(flags),
      ...(flags.image !== undefined && { image: flags.image }),
      ...(flags.type !== undefined && { type: flags.type }),
    }
    if (Object.keys(body).length === 0) {
      throw new GpulabError('input_required', {
        message: 'Say what to change.',
        hint: 'gpulab help templates update shows the flags.',
      })
    }
    await updateTemplate(await this.apiContext(flags), args.template, body, { isShared: flags.global })
  }
}
