import type { GpuStats } from '@gpulab/contract'
import { Gauge, once, type Registry, within } from '@gpulab/monitoring'
import type { GpuReading } from '../stats/parse-gpu-stats.ts'

const maxAgeMs = 1000
/** A driver in trouble must not keep the other figures from being read. */
const readMs = 3000

const values = {
  gpulab_gpu_utilization_ratio: {
    help: 'For how much of the last moment the GPU was busy: 0 to 1.',
    of: ({ utilization_percent: percent }: GpuStats) => (percent === null ? null : percent / 100),
  },
  gpulab_gpu_memory_used_bytes: {
    help: "Of the GPU's memory.",
    of: ({ memory_used_bytes: bytes }: GpuStats) => bytes,
  },
  gpulab_gpu_memory_total_bytes: {
    help: "Of the GPU's memory.",
    of: ({ memory_total_bytes: bytes }: GpuStats) => bytes,
  },
  gpulab_gpu_temperature_celsius: {
    help: 'Of the GPU.',
    of: ({ temperature_celsius: degrees }: GpuStats) => degrees,
  },
  gpulab_gpu_power_watts: { help: 'What the GPU draws.', of: ({ power_watts: watts }: GpuStats) => watts },
  gpulab_gpu_healthy: {
    help: '1, or 0 where the driver has a complaint about the card.',
    of: ({ problem }: GpuStats) => (problem === null ? 1 : 0),
  },
}

/** What nvidia-smi says of each card, asked when somebody scrapes; a card that has no such sensor has no such series. */
export function registerGpuGauges(registry: Registry, readGpus: () => Promise<GpuReading>): void {
  const read = once(readGpus, maxAgeMs)
  for (const [name, { help, of }] of Object.entries(values)) {
    const gauge: Gauge<'gpu' | 'type'> = new Gauge({
      name,
      help,
      labelNames: ['gpu', 'type'],
      registers: [registry],
      collect: async () => {
        const reading = await within(read(), readMs)
        gauge.reset()
        for (const card of reading?.cards.values() ?? []) {
          const value = of(card)
          if (value !== null) gauge.set({ gpu: card.uuid, type: card.name ?? '' }, value)
        }
      },
    })
  }
}
