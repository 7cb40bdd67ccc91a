import { string } from '@oclif/core/args'
import { BaseCommand } from '../../base-command.ts'
import { parsePlace } from '../../files/place.ts'
import { copyVolume } from '../../volumes/copy/copy-volume.ts'
import { copyFlags } from '../arguments.ts'

const place = (description: string) => string({ required: true, ignoreStdin: true, description })

export default class Cp extends BaseCommand {
  static override description =
    'Follows the rules of gpulab cp, with a volume in place of a container: no container has to run. A file is complete or not there; downloaded again after an interruption, it goes on where it was.'
  static override usage = ['volumes cp VOLUME:PATH LOCAL [FLAGS]', 'volumes cp LOCAL VOLUME:PATH [FLAGS]']
  static override examples = [
    'gpulab volumes cp ./dataset my-data:/',
    'gpulab volumes cp my-data:/checkpoints/last.pt .',
    'gpulab volumes cp my-data:/logs/. ./logs',
    'gpulab volumes cp my-data:/logs - | tar t',
    'tar c . | gpulab volumes cp - my-data:/src',
  ]
  static override args = {
    source: place('what to copy; - is a tar archive on standard input'),
    target: place('where to; - is a tar archive on standard output'),
  }
  static override flags = {
    ...copyFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cp)
    const places = { source: parsePlace(args.source), target: parsePlace(args.target) }
    await copyVolume(await this.apiContext(flags), places, {
      parents: flags.parents ?? false,
      skipUnsafe: flags['skip-unsafe'] ?? false,
    })
  }
}
