import { killTree } from '../exec/kill-tree.ts'
import { EndedProgram } from './ended-program.ts'
import { toMarker } from './engine-program.ts'
import { GuestProgram, type GuestProgramDeps } from './guest-program.ts'
import type { Program } from './program.ts'
import type { SessionRecord, SessionStore } from './session-record.ts'
import { Spool } from './spool.ts'
import { SpooledProgram } from './spooled-program.ts'

const killMs = 2000

/** What is left of a session of an earlier agent. */
export async function recoverProgram(
  deps: GuestProgramDeps,
  store: Pick<SessionStore, 'spoolFolder'>,
  record: SessionRecord,
): Promise<Program> {
  const { id, container_uuid: containerUuid, argv, incarnation, run_started_at: runStartedAt } = record
  if (record.end || record.transport === 'engine' || incarnation === null) {
    // The rest of its output went to the agent that is gone.
    if (!record.end) await killTree(toMarker(id), undefined, killMs)
    const spool = record.detached ? await Spool.open(store.spoolFolder(record)) : undefined
    await spool?.finish()
    return new EndedProgram(record.transport, spool)
  }
  const workdir = record.workdir ?? undefined
  const program = new GuestProgram(deps, { id, containerUuid, incarnation, runStartedAt, argv, workdir })
  return record.detached
    ? new SpooledProgram(deps, program, await Spool.open(store.spoolFolder(record)))
    : program
}
