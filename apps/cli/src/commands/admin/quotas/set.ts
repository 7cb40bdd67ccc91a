import { GpulabError } from '@gpulab/contract'
import { string } from '@oclif/core/flags'
import { parseLimit, setQuotas } from '../../../admin/quotas.ts'
import { BaseCommand } from '../../../base-command.ts'
import { teamArgument } from '../../arguments.ts'

export default class Set extends BaseCommand {
  static override description =
    'What a team has already stays, also where it is more than a new limit. "none" lifts a limit.'
  static override examples = [
    'gpulab admin quotas set research --gpus 8 --volume-size 2TiB',
    'gpulab admin quotas set research --containers none',
  ]
  static override args = { team: teamArgument }
  static override flags = {
    gpus: string({ summary: 'GPUs that containers hold or wait for.', helpValue: 'N' }),
    containers: string({ summary: 'Containers, stopped ones included.', helpValue: 'N' }),
    volumes: string({ summary: 'Volumes.', helpValue: 'N' }),
    'volume-size': string({ summary: 'Size of all volumes, in GiB or with a unit.', helpValue: 'SIZE' }),
    sessions: string({ summary: 'Sessions at a time.', helpValue: 'N' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Set)
    const { gpus, containers, volumes, 'volume-size': size, sessions } = flags
    const body = {
      ...(gpus !== undefined && { gpus: parseLimit(gpus) }),
      ...(containers !== undefined && { containers: parseLimit(containers) }),
      ...(volumes !== undefined && { volumes: parseLimit(volumes) }),
      ...(size !== undefined && { volume_bytes: parseLimit(size, true) }),
      ...(sessions !== undefined && { sessions: parseLimit(sessions) }),
    }
    if (Object.keys(body).length === 0) {
      throw new GpulabError('input_required', {
        message: 'Say what to limit.',
        hint: 'Use --gpus, --containers, --volumes, --volume-size or --sessions.',
      })
    }
    await setQuotas(await this.apiContext(flags), args.team, body)
  }
}
