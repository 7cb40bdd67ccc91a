import type { HostGpu } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { runProgram } from '../run-program.ts'
import { inventoryArguments, parseInventory } from './parse-inventory.ts'

const readMs = 20_000

/** The GPUs of this host. A host without nvidia-smi has none; one whose driver fails has none until it works. */
export async function readInventory(nvidiaSmi: string, log: FastifyBaseLogger): Promise<HostGpu[]> {
  try {
    const { exitCode, stdout } = await runProgram(nvidiaSmi, inventoryArguments, { timeoutMs: readMs })
    // It lists the cards that work even when another one makes it fail.
    if (exitCode !== 0) log.warn({ exitCode, output: stdout.slice(0, 500) }, 'nvidia-smi failed')
    return parseInventory(stdout)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    log.warn({ err: error }, 'nvidia-smi could not be run')
    return []
  }
}
