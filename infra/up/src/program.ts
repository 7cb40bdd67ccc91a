/** A program's end by the first signal that it got. */
export class Interrupted extends Error {
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`Interrupted by ${signal}.`)
    this.exitCode = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]
  }
}

// Work that was interrupted may still be clearing up after itself when everything else has ended.
const lastGraceMs = 30_000

/** Runs a program to its end. It is aborted by the first signal; later ones change nothing, since it has to stop whole. */
export async function runProgram(
  main: (signal: AbortSignal) => Promise<number>,
  tell: (text: string) => unknown = (text) => process.stderr.write(text),
): Promise<void> {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Interrupted(name)))
  }
  try {
    process.exitCode = await main(controller.signal)
  } catch (error) {
    const reason: unknown = controller.signal.aborted ? controller.signal.reason : error
    tell(`${describeFailure(reason)}\n`)
    process.exitCode = reason instanceof Interrupted ? reason.exitCode : 1
  }
  setTimeout(() => process.exit(), lastGraceMs).unref()
}

/** Message of a failure with its next step, where it knows one. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof SuppressedError)
    return `${describeFailure(error.suppressed)}\n${describeFailure(error.error)}`
  const hint = 'hint' in error && typeof error.hint === 'string' ? ` ${error.hint}` : ''
  return `${error.message}${hint}`
}
