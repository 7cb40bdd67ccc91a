import type { Duplex } from 'node:stream'
import type { Engine } from './connect.ts'
import { callEngine } from './errors.ts'

export interface ExecSpec {
  readonly argv: readonly string[]
  readonly env: readonly string[]
  readonly workdir?: string | undefined
  readonly user?: string | undefined
}

export interface EngineExec {
  readonly id: string
  /** Both output streams, multiplexed. */
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
      AttachStdout: true,
      AttachStderr: true,
      ...(spec.workdir !== undefined && { WorkingDir: spec.workdir }),
      ...(spec.user !== undefined && { User: spec.user }),
      abortSignal: AbortSignal.timeout(callMs),
    }),
  )
  return id
}

export async function startExec(engine: Engine, id: string): Promise<EngineExec> {
  const output = await callEngine(() => engine.getExec(id).start({ hijack: true, stdin: false }))
  return { id, output }
}

export async function inspectExec(engine: Engine, id: string): Promise<ExecState> {
  const { Running, ExitCode, Pid } = await callEngine(() =>
    engine.getExec(id).inspect({ abortSignal: AbortSignal.timeout(callMs) }),
  )
  return { running: Running, exitCode: ExitCode, pid: Pid }
}
