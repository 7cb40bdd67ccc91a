import { type Service, startService } from '@gpulab/testing'

/** A process of the system that can be killed and started again. */
export interface Part {
  pid(): number
  /** SIGKILL; resolves when it is gone. Nothing happens where it does not run. */
  kill(): Promise<void>
  /** Starts it where it does not run. */
  start(): Promise<void>
}

export const victims = ['api', 'agent', 'postgres', 'dockerd'] as const
export type Victim = (typeof victims)[number]

export interface Program {
  /** For Node. */
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly logFile: string
}

/** One of our own programs. It is started, and not waited for: whoever needs it has to bear that it is not there yet. */
export function createProgramPart({ args, env, logFile }: Program): Part & { stop(): Promise<void> } {
  let service: Service | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await service?.stop(signal)
    service = undefined
  }
  return {
    pid: () => service?.pid ?? 0,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    start: async () => {
      service ??= startService(process.execPath, args, env, logFile)
    },
  }
}
