import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Bytes, PageQuery, pageOf, Port, Uuid, text } from '../fields.ts'

export const Template = z
  .object({
    uuid: Uuid,
    name: z.string(),
    type: z.enum(['gpu', 'cpu']),
    image: z.string(),
    stand_in_for: z.string().nullable().describe('The image that was meant, where a stand-in is used.'),
    ports: z.array(Port),
    memory_bytes: Bytes,
    command: z.array(z.string()).nullable(),
  })
  .meta({ id: 'Template' })
export type Template = z.infer<typeof Template>

export const templates = {
  list: endpoint({
    method: 'GET',
    path: '/v1/templates',
    summary: 'List templates',
    scope: 'read',
    query: PageQuery.extend({
      name: text(255).optional().describe('Exact name, or a part of it in any case.'),
      type: z.enum(['gpu', 'cpu']).optional(),
    }),
    result: json(pageOf(Template)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: '/v1/templates/:uuid',
    summary: 'Show a template',
    scope: 'read',
    params: z.object({ uuid: Uuid }),
    result: json(Template),
    errors: ['template_not_found'],
  }),
}
