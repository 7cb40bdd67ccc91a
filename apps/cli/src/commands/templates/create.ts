import { string } from '@oclif/core/args'
import { option, string as stringFlag } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { createTemplate } from '../../templates/change.ts'
import { templateFlags, toTemplateFields } from '../../templates/flags.ts'

export default class Create extends BaseCommand {
  static override description = "A template of your team's own; with --global, of all teams."
  static override examples = [
    'gpulab templates create trainer --image ghcr.io/team/trainer:2 --memory 64 --ports 8888 --min-gpu-memory 40GiB',
    'gpulab templates create tools --type cpu --image ubuntu:22.04 --global',
  ]
  static override args = { name: string({ required: true, ignoreStdin: true, description: 'its name' }) }
  static override flags = {
    ...templateFlags,
    image: stringFlag({ summary: 'Image.', helpValue: 'IMAGE', required: true }),
    type: option({ summary: 'What it is for.', options: ['gpu', 'cpu'] as const, default: 'gpu' as const })(),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Create)
    const body = { ...toTemplateFields(flags), name: args.name, image: flags.image, type: flags.type }
    await createTemplate(await this.apiContext(flags), body, { isShared: flags.global })
  }
}
