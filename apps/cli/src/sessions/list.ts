import type { Session } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { formatUptime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { formatTable } from '../output/table.ts'

export async function listSessions(
  context: ApiContext,
  container: string,
  { all }: { all: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, container)
  const { items } = await api.sessions.list({ params: { uuid } }, { signal })
  const wanted = items.filter(({ state, detached }) => all || detached || state === 'running')
  const sessions = wanted.toSorted((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at))
  output.render({
    table: () => {
      for (const line of sessionTable(sessions, Date.now())) output.line(line)
      if (sessions.length === 0) output.note('No sessions. Start one: gpulab exec -d, or gpulab ssh')
    },
    json: sessions,
    quiet: sessions.map(({ id }) => id),
  })
}

const commandMaxCharacters = 60

export const sessionTable = (sessions: readonly Session[], now: number): string[] =>
  formatTable(
    ['ID', 'STATE', 'KIND', 'AGE', 'OUTPUT', 'COMMAND'],
    sessions.map((session) => [
      shortId(session.id),
      describeState(session),
      [session.tty && 'terminal', session.detached && 'detached'].filter(Boolean).join(', ') || '-',
      formatUptime(Math.max(0, (now - Date.parse(session.started_at)) / 1000)),
      String(session.end_offset),
      describeCommand(session),
    ]),
  )

export function describeState({ state, attached, exit_code: exitCode, reason }: Session): string {
  if (state === 'running') return attached ? 'running, attached' : 'running'
  if (reason === 'exited') return `exited (${exitCode})`
  return escapeText((reason ?? state).replaceAll('_', ' '))
}

function describeCommand({ command }: Session): string {
  if (command === null) return '(login shell)'
  const text = escapeText(command.join(' '))
  return text.length > commandMaxCharacters ? `${text.slice(0, commandMaxCharacters - 1)}…` : text
}
