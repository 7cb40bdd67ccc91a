import type { Duplex } from 'node:stream'
import type { Engine } from './connect.ts'
import { callEngine } from './errors.ts'

export interface ExecSpec {
  readonly argv: readonly string[]
  readonly env: readonly string[]
  readonly workdir?: string | undefined
  readonly user?: string | undefined
  /** Nobody hears it or can be heard by it. */
  readonly detached?: boolean
  readonly stdin?: boolean
  readonly terminal?: TerminalSize | undefined
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface EngineExec {
  readonly id: string
  /** Both output streams, multiplexed; of a terminal its bytes as they are. Takes input where that was asked for. */
  readonly output: Duplex
}

export interface ExecState {
  readonly running: boolean
  readonly exitCode: number | null
  /** On the host; 0 when no process was ever started. */
  readonly pid: number
}

const callMs = 20_000

export async function createExec(engine: Engine, container: string, spec: ExecSpec): Promise<string> {
  const { id } = await callEngine(() =>
    engine.getContainer(container).exec({
      Cmd: [...spec.argv],
      Env: [...spec.env],
      AttachStdout: spec.detached !== true,
      AttachStderr: spec.detached !== true,
      ...(spec.stdin === true && { AttachStdin: true }),
      ...(spec.terminal && { Tty: true, ConsoleSize: [spec.terminal.rows, spec.terminal.columns] }),
      ...(spec.workdir !== undefined && { WorkingDir: spec.workdir }),
      ...(spec.user !== undefined && { User: spec.user }),
      abortSignal: AbortSignal.timeout(callMs),
    }),
  )
  return id
}

interface StartOptions {
  readonly stdin?: boolean
  readonly terminal?: boolean
}

export async function startExec(
  engine: Engine,
  id: string,
  { stdin = false, terminal = false }: StartOptions = {},
): Promise<EngineExec> {
  const output = await callEngine(() => engine.getExec(id).start({ hijack: true, stdin, Tty: terminal }))
  return { id, output }
}

/** Answers when the engine has begun to start it. */
export async function startDetached(engine: Engine, id: string): Promise<void> {
  const options = { Detach: true, abortSignal: AbortSignal.timeout(callMs) }
  const answer = await callEngine(() => engine.getExec(id).start(options))
  answer.resume()
}

export async function resizeExec(engine: Engine, id: string, { columns, rows }: TerminalSize): Promise<void> {
  await callEngine(() =>
    engine.getExec(id).resize({ w: columns, h: rows, abortSignal: AbortSignal.timeout(callMs) }),
  )
}

export async function inspectExec(engine: Engine, id: string): Promise<ExecState> {
  const { Running, ExitCode, Pid } = await callEngine(() =>
    engine.getExec(id).inspect({ abortSignal: AbortSignal.timeout(callMs) }),
  )
  return { running: Running, exitCode: ExitCode, pid: Pid }
}
