import { runProgram } from '../run-program.ts'

const toolMs = 120_000

/** Runs a program of the host and gives what it prints; throws with its last words where it fails. */
export async function runTool(
  program: string,
  args: readonly string[],
  { timeoutMs = toolMs }: { readonly timeoutMs?: number } = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(program, args, { timeoutMs })
  if (exitCode === 0) return stdout
  // Those of MooseFS tell some of their failures on stdout.
  const words = (stderr.trim() || stdout.trim()).split('\n').slice(-3).join(' ')
  throw new ToolError(program, exitCode, words)
}

export class ToolError extends Error {
  readonly exitCode: number

  constructor(program: string, exitCode: number, words: string) {
    super(`${program} ended with ${exitCode}: ${words}`)
    this.exitCode = exitCode
  }
}
