import { GpulabError } from '@gpulab/contract'
import { constants } from 'node:os'

export interface Outcome {
  readonly exitCode: number
  readonly signal: string | null
  /** What a shell would have written to stderr. */
  readonly message: string
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** How the command's own process ended. */
export function toOutcome(exitCode: number): Outcome {
  const signal = exitCode > 128 ? (signalNames.get(exitCode - 128) ?? null) : null
  return { exitCode, signal, message: '' }
}

const clauseOf = (text: string): string =>
  text
    .replace(/^.*unable to start container process: /s, '')
    .replace(/: unknown\s*$/, '')
    .trim()

/** Reads why the engine could not start a command: as a shell's 126 or 127, or as an error where no shell would try. */
export function toStartOutcome(text: string): Outcome {
  const clause = clauseOf(text)
  const [, program, reason] = /^exec: "(.*?)": (?:stat .*?: )?(.*)$/s.exec(clause) ?? []
  if (program === undefined || reason === undefined) {
    throw new GpulabError('command_failed', { message: `The command could not be run: ${clause}.` })
  }
  const missing = /not found|no such file or directory/.test(reason)
  return { exitCode: missing ? 127 : 126, signal: null, message: `${program}: ${reason}\n` }
}
