import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseGpuSpec, readInventory, renderInventory, toInventory, type SimulatedGpu } from './inventory.ts'

/** The folder with the simulated nvidia-smi and hook: an entry for the PATH of a dockerd. */
export const gpuToolsFolder = resolve(import.meta.dirname, '../gpu')

/**
 * Makes `folder` the inventory of the GPUs that `spec` names, with the uuids that it already had.
 * An unchanged specification leaves the file alone, and with it the load that somebody simulates there.
 */
export async function writeInventory(folder: string, spec: string): Promise<SimulatedGpu[]> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const file = join(folder, 'gpus.csv')
  const known = readInventory(await readFile(file, 'utf8').catch(() => ''))
  const gpus = toInventory(parseGpuSpec(spec), known, randomUUID)
  if (known.length > 0 && JSON.stringify(known) === JSON.stringify(gpus)) return gpus
  await writeFile(`${file}.new`, renderInventory(gpus))
  await rename(`${file}.new`, file)
  return gpus
}

/** Writes an nvidia-smi that shows the inventory of `gpuDir` whatever its caller's environment is. */
export async function writeNvidiaSmi(file: string, gpuDir: string): Promise<void> {
  const tool = join(gpuToolsFolder, 'nvidia-smi')
  const script = `#!/bin/sh\nGPULAB_SIM_GPU_DIR=${quote(gpuDir)} exec ${quote(tool)} "$@"\n`
  await writeFile(file, script)
  await chmod(file, 0o755)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
