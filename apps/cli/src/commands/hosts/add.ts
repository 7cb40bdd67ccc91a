import { string } from '@oclif/core/args'
import { integer, string as stringFlag } from '@oclif/core/flags'
import { BaseCommand } from '../../base-command.ts'
import { addHost } from '../../hosts/add.ts'
import { parseDuration } from '../../output/duration.ts'

export default class Add extends BaseCommand {
  static override description =
    'For administrators. Prints a token with which a machine joins as a host: gpulab-agent join --api URL --token-file FILE. It is shown only once; with NAME, it is good for that name only.'
  static override examples = [
    'gpulab hosts add gpu-1',
    'gpulab hosts add --uses 20 --ttl 8h',
    '(umask 077; gpulab hosts add gpu-1 -q > join-token)',
  ]
  static override args = {
    name: string({ ignoreStdin: true, description: 'name of the host; its own choice when left out' }),
  }
  static override flags = {
    ttl: stringFlag({ summary: 'How long it is good for (1h; at most 24h).', helpValue: 'TIME' }),
    uses: integer({ summary: 'How many machines may join with it (1).', helpValue: 'N', min: 1, max: 1000 }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Add)
    await addHost(await this.apiContext(flags), {
      name: args.name,
      ttlMs: flags.ttl === undefined ? undefined : parseDuration(flags.ttl),
      uses: flags.uses,
    })
  }
}
