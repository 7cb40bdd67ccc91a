import { GpulabError, type JoinToken } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'

export interface AddInput {
  readonly name: string | undefined
  readonly ttlMs: number | undefined
  readonly uses: number | undefined
}

/** Makes a join token. It is the only data: everything else is for people at a terminal. */
export async function addHost(context: ApiContext, { name, ttlMs, uses }: AddInput): Promise<void> {
  const { api, output, signal } = context
  const isTaken = name !== undefined && (await hasHost(context, name))
  const made = await api.hosts
    .invite(
      {
        body: {
          ...(name !== undefined && { host_name: name }),
          ...(ttlMs !== undefined && { ttl: Math.round(ttlMs / 1000) }),
          ...(uses !== undefined && { uses }),
        },
      },
      { signal },
    )
    .catch((error: unknown) => {
      throw isLost(error) ? lost(error) : error
    })
  if (isTaken) {
    output.warn(
      `There is a host ${name} already. The machine that joins with this token takes its place, once it is silent: its agent is refused from then on.`,
    )
  }
  output.render({
    table: () => {
      output.line(escapeText(made.token))
      for (const line of howToJoin(made, context.profile.apiUrl)) output.note(line)
    },
    json: made,
    quiet: [made.token],
  })
}

/** For a machine that was set up anew that is the purpose; for another it is the end of the one that has the name. */
async function hasHost({ api, signal }: ApiContext, name: string): Promise<boolean> {
  const { items } = await api.hosts.list({ query: { name } }, { signal })
  return items.length > 0
}

/** A token in the arguments of a command would be seen by everybody on the machine. */
const howToJoin = ({ uses, host_name: name, expires_at: end }: JoinToken, apiUrl: string): string[] => [
  '',
  `  This join token is shown only now. ${uses === 1 ? 'One machine' : `${uses} machines`} may join with it${
    name === null ? '' : ` as ${escapeText(name)}`
  } until ${escapeText(formatTime(end))}.`,
  '  Put it into a file that only root may read (umask 077), and run on the machine:',
  '',
  `    gpulab-agent join --api ${quote(apiUrl)} --token-file FILE`,
]

/** For a POSIX shell, where it has to be. */
const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${escapeText(text).replaceAll("'", String.raw`'\''`)}'`

const isLost = (error: unknown): error is GpulabError =>
  error instanceof GpulabError && (error.code === 'outcome_unknown' || error.code === 'idempotency_replayed')

/** Nobody has seen the token, and it expires by itself. */
const lost = (cause: GpulabError): GpulabError =>
  new GpulabError(cause.code, {
    message: cause.message,
    hint: 'If a token was made, nobody has seen it, and it expires by itself: run the command again.',
    cause,
    ...(cause.details && { details: cause.details }),
  })
