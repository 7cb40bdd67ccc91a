import { agent } from '@gpulab/contract'
import { createServe, type Serve, type Server } from '@gpulab/http'
import type { Deps } from './deps.ts'
import { runCommand } from './exec/run-command.ts'
import { readLogs } from './logs/read-logs.ts'
import { connectPort } from './ports/connect-port.ts'
import type { Orphan } from './orphans/find-orphans.ts'
import { version } from './version.ts'
import { createVolumeFiles } from './volumes/files/volume-files.ts'

/**
 * Serves the agent's contract. Only its uplinks and a socket of mode 0600 lead here, so whoever calls is the
 * control plane or the host's operator.
 */
export function serveAgent(app: Server, deps: Deps): void {
  const serve = createServe(app, () => Promise.resolve(undefined))
  // Supervisors ask every few seconds.
  const serveOften = createServe(app, () => Promise.resolve(undefined), { logLevel: 'debug' })
  serveOften(agent.health, () => {
    const { available, message } = deps.health.state()
    return Promise.resolve({ version, engine: { available, message } })
  })
  serve(agent.orphans, async () => {
    const { orphans, blocked } = await deps.orphans.look()
    return {
      removes: deps.config.orphans === 'remove',
      blocked,
      orphans: orphans.map((orphan) => toRow(orphan, deps.clock.now())),
    }
  })
  serve(agent.exec, ({ body }, { signal }) => runCommand(deps, body, signal))
  serveSessions(serve, deps)
  serveVolumeFiles(serve, deps)
  serve(agent.ports.connect, ({ params }, { signal }, open) => connectPort(deps, params, open, signal))
  serve(agent.logs, ({ params, query }, { signal }) =>
    Promise.resolve(readLogs(deps, params.uuid, query, signal)),
  )
  serve(agent.stats, ({ params, query }, { signal }) => deps.stats.read(params.uuid, query.follow, signal))
}

function serveSessions(serve: Serve<undefined>, { sessions }: Pick<Deps, 'sessions'>): void {
  serve(agent.sessions.create, ({ params, body }) => sessions.create(params.uuid, body))
  serve(agent.sessions.open, ({ params }, { signal }, open) => sessions.open(params.uuid, open, signal))
  serve(agent.sessions.list, async ({ params }) => ({
    items: await sessions.list(params.uuid),
    next_cursor: null,
  }))
  serve(agent.sessions.get, ({ params: { uuid, id }, query }, { signal }) =>
    sessions.get(uuid, id, query.wait * 1000, signal),
  )
  serve(agent.sessions.signal, ({ params: { uuid, id }, body }) => sessions.signal(uuid, id, body.signal))
  serve(agent.sessions.kill, ({ params: { uuid, id } }) => sessions.kill(uuid, id))
  serve(agent.sessions.output, ({ params: { uuid, id }, query }) =>
    Promise.resolve(sessions.output(uuid, id, query)),
  )
  serve(agent.sessions.attach, ({ params: { uuid, id }, query }, { signal }, open) =>
    sessions.attach(uuid, id, query, open, signal),
  )
}

function serveVolumeFiles(serve: Serve<undefined>, { volumeWorkers }: Pick<Deps, 'volumeWorkers'>): void {
  const { volumeFiles } = agent
  const files = createVolumeFiles(volumeWorkers)
  serve(volumeFiles.list, files.list)
  serve(volumeFiles.stat, files.stat)
  serve(volumeFiles.read, files.read)
  serve(volumeFiles.archive, files.archive)
  serve(volumeFiles.write, files.write)
  serve(volumeFiles.makeFolder, files.makeFolder)
  serve(volumeFiles.makeLink, files.makeLink)
  serve(volumeFiles.move, files.move)
  serve(volumeFiles.remove, files.remove)
}

const toRow = ({ kind, name, owner, seenForMs, dueInMs, isRemovable }: Orphan, nowMs: number) => ({
  kind,
  name,
  owner,
  first_seen_at: new Date(nowMs - seenForMs).toISOString(),
  removable_at: isRemovable ? new Date(nowMs + dueInMs).toISOString() : null,
})
