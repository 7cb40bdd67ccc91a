import { GpulabError, outputMaxBytes } from '@gpulab/contract'
import type { HotContext } from '../context.ts'
import type { Interruption } from '../sessions/interruption.ts'
import { isTerminal } from '../terminal/is-terminal.ts'
import type { ExecInput } from './exec-input.ts'
import { requireText } from './require-text.ts'
import { runCaptured } from './run-captured.ts'
import { runCommand } from './run-command.ts'
import { runDetached } from './run-detached.ts'
import { runOnTerminal } from './run-on-terminal.ts'
import { runStreamed } from './run-streamed.ts'

/** Runs a command in the way that its flags ask for, and gives its exit code. */
export async function runExec(
  context: HotContext,
  interruption: Interruption,
  reference: string,
  input: ExecInput,
): Promise<number> {
  if (input.command) requireText(input.command)
  if (input.tty) requireTerminal(reference, input)
  if (input.detached) return runDetached(context, reference, input)
  if (input.tty) return runOnTerminal(context, interruption, reference, input)
  if (context.output.mode === 'json' && canBeOneRequest(input)) return runCommand(context, reference, input)
  const run = context.output.mode === 'json' ? runCaptured : runStreamed
  try {
    return await run(context, interruption, reference, input)
  } finally {
    // Whoever keeps its other end open must not keep this process.
    if (input.stdin) process.stdin.destroy()
  }
}

const requestTimeoutMaxMs = 300_000

/** `POST …/exec` takes no input, and has its limits. */
export const canBeOneRequest = ({ stdin, timeoutMs = 0, maxOutput = 0 }: ExecInput): boolean =>
  !stdin && timeoutMs <= requestTimeoutMaxMs && maxOutput <= outputMaxBytes

/** Before anything is started. */
function requireTerminal(reference: string, { command, stdin }: ExecInput): void {
  const hasOutput = isTerminal(1)
  if (hasOutput && (!stdin || isTerminal(0))) return
  throw new GpulabError('input_required', {
    message: `Standard ${hasOutput ? 'input' : 'output'} is no terminal.`,
    hint: command
      ? 'Leave -t and --interactive out: without them input and output may be files and pipes.'
      : `A shell needs one; a command does not: gpulab ssh ${reference} -- COMMAND.`,
  })
}
