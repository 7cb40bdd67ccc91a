import type { HostGpu } from '@gpulab/contract'

/** In the order of the columns that `parseInventory` reads. */
export const inventoryArguments = [
  '--query-gpu=index,uuid,name,memory.total,driver_version',
  '--format=csv,noheader,nounits',
]

const mib = 1 << 20

/** Reads nvidia-smi's CSV. Lines that are none (warnings, error texts, lost cards) are passed over. */
export function parseInventory(csv: string): HostGpu[] {
  return csv.split('\n').flatMap((line) => {
    const cells = line.split(',').map((cell) => cell.trim())
    // A name may hold commas, its neighbours do not.
    const [index = '', uuid = ''] = cells
    const [memory = '', driver = ''] = cells.slice(-2)
    const name = cells.slice(2, -2).join(', ')
    if (cells.length < 5 || !/^\d+$/.test(index) || !/^(?:GPU|MIG)-/.test(uuid)) return []
    return [
      {
        index: Number(index),
        uuid,
        name,
        memory_bytes: /^\d+$/.test(memory) ? Number(memory) * mib : 0,
        simulated: driver.endsWith('+simulated'),
      },
    ]
  })
}
