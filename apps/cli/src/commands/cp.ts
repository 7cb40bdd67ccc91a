import { string } from '@oclif/core/args'
import { boolean } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { copy } from '../files/copy.ts'
import { parsePlace } from '../files/place.ts'
import { Interruption } from '../sessions/interruption.ts'
import { toFollowed } from '../sessions/follow.ts'
import { copyFlags } from './arguments.ts'

const place = (description: string) => string({ required: true, ignoreStdin: true, description })

export default class Cp extends BaseCommand {
  static override description =
    'Follows the rules of docker cp: a folder goes into a folder that is there, or becomes one that is not; DIR/. means what is in it. What is copied is complete or not there; asked for again after an interruption, a large file goes on where it was.'
  static override usage = ['cp CONTAINER:PATH LOCAL [FLAGS]', 'cp LOCAL CONTAINER:PATH [FLAGS]']
  static override examples = [
    'gpulab cp my-training-job:/workspace/model.bin .',
    'gpulab cp ./src my-training-job:/workspace/',
    'gpulab cp my-training-job:/workspace/logs/. ./logs',
    'gpulab cp my-training-job:/workspace - | tar t',
    'tar c . | gpulab cp - my-training-job:/workspace',
  ]
  static override args = {
    source: place('what to copy; - is a tar archive on standard input'),
    target: place('where to; - is a tar archive on standard output'),
  }
  static override flags = {
    ...copyFlags,
    'follow-link': boolean({ char: 'L', summary: 'Copy what a link leads to, where the source is one.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cp)
    const places = { source: parsePlace(args.source), target: parsePlace(args.target) }
    using interruption = new Interruption()
    const context = await this.apiContext(flags, interruption)
    try {
      await copy(context, places, {
        parents: flags.parents ?? false,
        followLink: flags['follow-link'] ?? false,
        skipUnsafe: flags['skip-unsafe'] ?? false,
      })
    } catch (error) {
      const left = toFollowed(error)
      if ('exitCode' in left) process.exitCode = left.exitCode
    }
  }
}
