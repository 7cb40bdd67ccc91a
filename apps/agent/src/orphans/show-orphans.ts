import { agent, createClient, GpulabError } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { ConfigError, readConfig } from '../config.ts'

/** Prints what the running agent would remove, one a line. */
export async function showOrphans(args: readonly string[], print: (text: string) => void): Promise<number> {
  if (!args.includes('--dry-run')) {
    throw new ConfigError(
      'The running agent sweeps by itself: sweep needs --dry-run, which shows what would go.',
    )
  }
  const config = readConfig(
    args.filter((arg) => arg !== '--dry-run'),
    process.env,
  )
  const client = createClient(agent, createHttpTransport({ url: `unix:${config.agentSocket}` }))
  try {
    const { orphans, blocked, removes } = await client.orphans()
    for (const { kind, name, removable_at } of orphans)
      print(`${kind}\t${name}\t${removable_at ?? 'stays'}\n`)
    if (orphans.some(({ removable_at: at }) => at === null)) {
      process.stderr.write(
        'What stays is not known to be of this host: remove it by hand if nobody needs it.\n',
      )
    }
    if (blocked !== null) process.stderr.write(`Nothing is removed now: ${blocked}\n`)
    if (!removes) process.stderr.write('Nothing is removed at all: GPULAB_ORPHANS is report.\n')
    return 0
  } catch (error) {
    if (!(error instanceof GpulabError)) throw error
    process.stderr.write(
      `gpulab-agent: no agent answers on ${config.agentSocket}: ${error.message} See whether it runs, or name its socket with --agent-socket.\n`,
    )
    return 1
  }
}
