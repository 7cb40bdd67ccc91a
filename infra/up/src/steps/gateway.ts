import { join } from 'node:path'
import { checkout, nodeBinary } from '../checkout.ts'
import { startPart, waitForPart, type Part } from '../part.ts'
import type { StateLayout } from '../state-layout.ts'

const program = join(checkout, 'apps/gateway/src/main.ts')

/** Below which every browser, and curl, finds this machine without any set-up. */
export const toProxyUrl = (port: number): string => `http://proxy.localhost:${port}`

/** Starts the gateway and waits until it serves. */
export async function startGateway(
  layout: StateLayout,
  { apiUrl, port }: { apiUrl: string; port: number },
  signal: AbortSignal,
): Promise<Part> {
  const url = `http://127.0.0.1:${port}`
  const part = await startPart({
    name: 'The gateway',
    command: nodeBinary,
    args: [program],
    env: {
      PATH: process.env['PATH'],
      GPULAB_API_URL: apiUrl,
      GPULAB_LISTEN: `127.0.0.1:${port}`,
      GPULAB_GATEWAY_KEY_FILE: layout.gatewayKeyFile,
      GPULAB_PROXY_URL: toProxyUrl(port),
      GPULAB_UPLINK_URL: url,
    },
    logFile: join(layout.logsDir, 'gateway.log'),
  })
  try {
    const answers = (): Promise<boolean> =>
      fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
        ({ ok }) => ok,
        () => false,
      )
    await waitForPart(part, answers, { timeoutMs: 60_000, signal })
    return part
  } catch (error) {
    await part[Symbol.asyncDispose]()
    throw error
  }
}
