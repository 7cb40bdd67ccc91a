import { string } from '@oclif/core/args'
import { setPrice } from '../../../admin/gpu-types.ts'
import { BaseCommand } from '../../../base-command.ts'

export default class SetPrice extends BaseCommand {
  static override description = 'What runs keeps the price that it started with.'
  static override examples = ['gpulab admin gpu-types set-price "RTX 4090" 1.49']
  static override args = {
    type: string({ required: true, ignoreStdin: true, description: 'GPU type, by name or a part of it' }),
    price: string({ required: true, ignoreStdin: true, description: 'for one card and hour' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SetPrice)
    await setPrice(await this.apiContext(flags), args.type, args.price)
  }
}
