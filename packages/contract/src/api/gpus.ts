import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Bytes, PageQuery, pageOf, text } from '../fields.ts'

export const GpuType = z
  .object({
    name: z.string(),
    memory_bytes: Bytes,
    available: z.int().describe('Cards that a container could get now.'),
    total: z.int(),
    simulated: z.boolean().describe('Whether cards of this type here are simulated.'),
    price_per_hour: z.string().nullable().describe('Decimal; null where no price is set.'),
    currency: z.string(),
  })
  .meta({ id: 'GpuType' })
export type GpuType = z.infer<typeof GpuType>

export const gpus = {
  listTypes: endpoint({
    method: 'GET',
    path: '/v1/gpus/types',
    summary: 'List GPU types with prices',
    scope: 'read',
    query: PageQuery.extend({
      name: text(255).optional().describe('Exact name, or a part of it in any case.'),
    }),
    result: json(pageOf(GpuType)),
    errors: [],
  }),
  getType: endpoint({
    method: 'GET',
    path: '/v1/gpus/types/:name',
    summary: 'Show a GPU type',
    scope: 'read',
    params: z.object({ name: text(255).min(1) }),
    result: json(GpuType),
    errors: ['gpu_type_not_found'],
  }),
}
