/** The release that the simulated driver claims; the suffix is how the agent recognises simulated GPUs. */
export const simulatedDriverVersion = '550.90.07+simulated'

/** One line of a GPU specification: `count` cards of one model. */
export interface GpuModel {
  count: number
  name: string
  memoryMib: number
}

/** One simulated card of an inventory. */
export interface SimulatedGpu {
  uuid: string
  name: string
  memoryMib: number
}

const modelPattern = /^(?:(\d{1,2})\s*x\s+)?(?!\d+\s*x\s)([^:]+):(\d+)$/

const powerLimitWatts: ReadonlyArray<[pattern: RegExp, watts: number]> = [
  [/H100|H200|B200/, 700],
  [/A100/, 400],
  [/RTX 5090/, 575],
  [/RTX 4090/, 450],
  [/RTX 3090/, 350],
]

/**
 * Parses `2x NVIDIA GeForce RTX 4090:24564, NVIDIA H100 80GB HBM3:81559` (memory in MiB, at most 64 cards
 * in all). An empty text means no GPUs.
 */
export function parseGpuSpec(text: string): GpuModel[] {
  const parts = text.split(',').map((part) => part.trim())
  const models = parts.filter((part) => part !== '').map(parseModel)
  const total = models.reduce((sum, model) => sum + model.count, 0)
  if (total > 64) throw new Error(`A simulated host holds at most 64 GPUs, but "${text}" asks for ${total}.`)
  return models
}

function parseModel(text: string): GpuModel {
  const [, count, name, memoryMib] = modelPattern.exec(text) ?? []
  if (name === undefined || /["\\]/.test(name) || Number(memoryMib) === 0) {
    throw new Error(
      `"${text}" is not a GPU specification; write it as "2x NVIDIA GeForce RTX 4090:24564" (count, name, memory in MiB).`,
    )
  }
  return { count: Number(count ?? 1), name: name.trim(), memoryMib: Number(memoryMib) }
}

/** Lists the cards of `models`. A card of `known` at the same place with the same model keeps its uuid. */
export function toInventory(
  models: readonly GpuModel[],
  known: readonly SimulatedGpu[],
  newUuid: () => string,
): SimulatedGpu[] {
  const wanted = models.flatMap(({ count, name, memoryMib }) =>
    Array.from({ length: count }, () => ({ name, memoryMib })),
  )
  return wanted.map((gpu, index) => {
    const before = known[index]
    const same = before?.name === gpu.name && before.memoryMib === gpu.memoryMib
    return { uuid: same ? before.uuid : `GPU-${newUuid()}`, ...gpu }
  })
}

/** Renders gpus.csv, whose columns gpu/nvidia-smi describes. */
export function renderInventory(gpus: readonly SimulatedGpu[]): string {
  return gpus
    .map(({ uuid, name, memoryMib }, index) => {
      const bus = `00000000:${(index + 1).toString(16).toUpperCase().padStart(2, '0')}:00.0`
      const watts = powerLimitWatts.find(([pattern]) => pattern.test(name))?.[1] ?? 300
      const load = `1,0,34,22.15,${watts.toFixed(2)}`
      return `${index},${uuid},${name},${memoryMib},${load},${simulatedDriverVersion},${bus}\n`
    })
    .join('')
}

/** Reads back what `renderInventory` wrote. */
export function readInventory(csv: string): SimulatedGpu[] {
  return csv
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => {
      const [, uuid = '', name = '', memoryMib] = line.split(',')
      return { uuid, name, memoryMib: Number(memoryMib) }
    })
}
