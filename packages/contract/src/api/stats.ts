import { z } from 'zod'
import { endpoint, events } from '../endpoint.ts'
import { Bytes, Flag, Timestamp, Uuid } from '../fields.ts'

/** What the host's endpoint takes too. */
export const StatsQuery = z.object({
  follow: Flag.default(false).describe(
    'Go on until the container ends: one sample at once, the next about a second later, then one every 2 seconds. A slow reader misses samples and never gets old ones.',
  ),
})
export type StatsQuery = z.infer<typeof StatsQuery>

/** One card of the container. What the driver does not tell is null. */
export const GpuStats = z.object({
  uuid: z.string().describe('As nvidia-smi prints it.'),
  name: z.string().nullable(),
  simulated: z.boolean(),
  memory_used_bytes: Bytes.nullable(),
  memory_total_bytes: Bytes.nullable(),
  utilization_percent: z.number().nullable().describe('Of the time in which any kernel ran.'),
  temperature_celsius: z.number().nullable(),
  power_watts: z.number().nullable(),
  power_limit_watts: z.number().nullable(),
  problem: z.string().nullable().describe('Why there are no values: the card is lost, the driver fails.'),
})
export type GpuStats = z.infer<typeof GpuStats>

/** Counters count since the present run of the container began. */
export const ContainerStats = z
  .object({
    uuid: Uuid,
    at: Timestamp,
    cpu_percent: z
      .number()
      .nullable()
      .describe(
        'Of one core, as `docker stats` shows it: 200 is two cores. null where there is no earlier sample.',
      ),
    cpu_cores: z.number().describe("What it may use: its limit, or all of the host's."),
    memory_used_bytes: Bytes.describe('Without the page cache that can be given back, as `docker stats`.'),
    memory_limit_bytes: Bytes,
    network_rx_bytes: Bytes,
    network_tx_bytes: Bytes,
    block_read_bytes: Bytes,
    block_write_bytes: Bytes,
    pids: z.int().min(0).describe('Processes and threads.'),
    pids_limit: z.int().nullable().describe('null: none.'),
    gpus: z.array(GpuStats),
  })
  .meta({ id: 'ContainerStats' })
export type ContainerStats = z.infer<typeof ContainerStats>

export const stats = {
  read: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/stats',
    summary: 'Read or follow what a container uses',
    scope: 'read',
    params: z.object({ uuid: Uuid }),
    query: StatsQuery,
    result: events(ContainerStats),
    errors: ['container_not_found', 'container_not_running', 'host_unreachable', 'engine_unavailable'],
  }),
}
