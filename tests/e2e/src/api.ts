import { type Service, startService } from '@gpulab/testing'
import { fileURLToPath } from 'node:url'
import { untilHealthy } from './until-healthy.ts'

export const apiProgram = fileURLToPath(new URL('../../../apps/api/bin/gpulab-api', import.meta.url))

/** One replica. */
export interface Api {
  readonly url: string
  readonly port: number
  /** Its last run. */
  readonly service: Service
  /** Starts it, again after it was stopped, and waits until it serves. */
  start(): Promise<void>
}

interface ApiOptions {
  readonly port: number
  readonly settings: NodeJS.ProcessEnv
  readonly logFile: string
  /** Whether agents are told where it is. */
  readonly isOneOfMany: boolean
}

export function createApi({ port, settings, logFile, isOneOfMany }: ApiOptions): Api {
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...settings,
    GPULAB_LISTEN: `127.0.0.1:${port}`,
    ...(isOneOfMany && { GPULAB_UPLINK_URL: url, GPULAB_DRAIN_DELAY: '1' }),
  }
  let service: Service | undefined
  return {
    url,
    port,
    get service() {
      if (!service) throw new Error('It was never started.')
      return service
    },
    start: async () => {
      service = startService(apiProgram, ['serve'], env, logFile)
      await untilHealthy(url)
    },
  }
}
