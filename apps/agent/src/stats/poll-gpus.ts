import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import { toPlainText } from '../plain-text.ts'
import { runProgram } from '../run-program.ts'
import { type GpuReading, gpuStatsArguments, parseGpuStats } from './parse-gpu-stats.ts'

export interface GpuPollDeps {
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly nvidiaSmi: string
}

const pollMs = 2000
/** A driver in trouble takes its time. */
const readMs = 20_000

/** All cards of the host, every two seconds. Never fails: what is wrong is what the reading says. */
export async function* pollGpus(deps: GpuPollDeps, signal: AbortSignal): AsyncGenerator<GpuReading> {
  for (;;) {
    yield await readGpus(deps)
    await deps.clock.wait(pollMs, signal)
  }
}

/** Never fails, as above. */
export async function readGpus({ nvidiaSmi, log }: GpuPollDeps): Promise<GpuReading> {
  try {
    const { stdout, stderr } = await runProgram(nvidiaSmi, gpuStatsArguments, { timeoutMs: readMs })
    // It tells of the cards that work even where another one makes it fail.
    return parseGpuStats(`${stdout}\n${stderr}`)
  } catch (error) {
    log.debug({ err: error }, 'nvidia-smi could not be run')
    const message = `nvidia-smi could not be run: ${toPlainText((error as Error).message)}`
    return { cards: new Map(), message }
  }
}
