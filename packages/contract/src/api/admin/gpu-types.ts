import { z } from 'zod'
import { endpoint, json } from '../../endpoint.ts'
import { Amount, text } from '../../fields.ts'
import { GpuType } from '../gpus.ts'

export const gpuTypes = {
  setPrice: endpoint({
    method: 'PUT',
    path: '/v1/admin/gpu-types/:name',
    summary: 'Set the price of a GPU type; what runs keeps the one that it started with',
    scope: 'admin',
    params: z.object({ name: text(255).min(1) }),
    body: z.object({
      price_per_hour: Amount.refine((amount) => !amount.startsWith('-'), 'must not be below zero'),
    }),
    result: json(GpuType),
    errors: ['gpu_type_not_found'],
  }),
}
