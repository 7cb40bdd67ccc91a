import type { Clock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { EngineError } from '../docker/errors.ts'
import { readLogFrames } from '../docker/logs.ts'
import { toPlainText } from '../plain-text.ts'
import type { FailureCode } from './failure.ts'
import type { ObservedContainer } from './labels.ts'

export interface ExitFailure {
  readonly code: FailureCode
  readonly message: string
}

export interface ExitFailures {
  /** Why containers ended without having run their command, by id. */
  explain(containers: readonly ObservedContainer[]): Promise<ReadonlyMap<string, ExitFailure>>
  /** Forgets what is known of all others. */
  keep(containers: readonly ObservedContainer[]): void
}

interface ExitFailuresDeps {
  readonly engine: Engine
  readonly clock: Clock
}

const readMs = 5000
const tailRecords = 3
// The engine starts its own init first, so a command that does not exist shows only in what that writes.
const initFailure = /^\S+ \[FATAL tini \(\d+\)\] exec (.*) failed: (.*)$/m

/** Each exit is looked into once: exit codes 126 and 127 may be the command's own. */
export function createExitFailures({ engine, clock }: ExitFailuresDeps): ExitFailures {
  const known = new Map<string, ExitFailure | undefined>()
  const toExit = ({ id, finishedAt }: ObservedContainer): string => `${id} ${finishedAt}`
  return {
    explain: async (containers) => {
      const found = new Map<string, ExitFailure>()
      for (const container of containers) {
        if (container.exitCode !== 126 && container.exitCode !== 127) continue
        const exit = toExit(container)
        const failure = known.has(exit)
          ? known.get(exit)
          : await readFailure(engine, container, clock.timeout(readMs))
        known.set(exit, failure)
        if (failure) found.set(container.id, failure)
      }
      return found
    },
    keep: (containers) => {
      const exits = new Set(containers.map(toExit))
      for (const exit of known.keys()) if (!exits.has(exit)) known.delete(exit)
    },
  }
}

async function readFailure(
  engine: Engine,
  { id }: ObservedContainer,
  signal: AbortSignal,
): Promise<ExitFailure | undefined> {
  const options = { follow: false, tail: tailRecords }
  let text = ''
  try {
    for await (const { payload } of readLogFrames(engine, id, options, signal)) {
      text += payload.toString('utf8')
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    // It may just be going away; the exit code says enough.
    return undefined
  }
  return toExitFailure(text)
}

export function toExitFailure(log: string): ExitFailure | undefined {
  const [, program, reason] = initFailure.exec(log) ?? []
  if (program === undefined || reason === undefined) return undefined
  const message = `The command could not be started: "${program.slice(0, 500)}": ${reason.slice(0, 200)}.`
  return { code: 'command_not_startable', message: toPlainText(message) }
}
