import { type Service, startService } from '@gpulab/testing'
import { programs } from './programs.ts'
import { untilHealthy } from './until-healthy.ts'

/** One replica. */
export interface Api {
  readonly url: string
  readonly port: number
  /** Its last run. */
  readonly service: Service
  /** Starts it, again after it was stopped, and waits until it serves; from now on that program. */
  start(program?: string): Promise<void>
}

interface ApiOptions {
  readonly program?: string
  readonly port: number
  readonly settings: NodeJS.ProcessEnv
  readonly logFile: string
  /** Whether agents are told where it is. */
  readonly isOneOfMany: boolean
}

export function createApi({ program = programs.api, port, settings, logFile, isOneOfMany }: ApiOptions): Api {
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...settings,
    GPULAB_LISTEN: `127.0.0.1:${port}`,
    ...(isOneOfMany && { GPULAB_UPLINK_URL: url, GPULAB_DRAIN_DELAY: '3' }),
  }
  let service: Service | undefined
  return {
    url,
    port,
    get service() {
      if (!service) throw new Error('It was never started.')
      return service
    },
    start: async (next = program) => {
      program = next
      service = startService(program, ['serve'], env, logFile)
      const { log } = service
      await untilHealthy(url).catch((cause: unknown) => {
        throw new Error(`The API does not serve: ${log().slice(-2000)}`, { cause })
      })
    },
  }
}
