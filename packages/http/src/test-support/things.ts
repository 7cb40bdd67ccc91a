import { bytes, duplex, empty, endpoint, events, json } from '@gpulab/contract'
import { z } from 'zod'

const Thing = z.object({ name: z.string(), size: z.int() })
/** An endpoint of each kind. */
export const things = {
  get: endpoint({
    method: 'GET',
    path: '/v1/things/:name',
    summary: 'Show a thing',
    scope: 'read',
    params: z.object({ name: z.string().max(8) }),
    query: z.object({ size: z.coerce.number().int().default(1) }),
    result: json(Thing),
    errors: ['container_not_found'],
  }),
  put: endpoint({
    method: 'PUT',
    path: '/v1/things',
    summary: 'Store a thing',
    scope: 'write',
    body: Thing,
    result: empty(),
    errors: [],
  }),
  count: endpoint({
    method: 'GET',
    path: '/v1/count',
    summary: 'Count up',
    scope: 'read',
    query: z.object({ to: z.coerce.number().int() }),
    result: events(z.object({ n: z.int() })),
    errors: [],
  }),
  upload: endpoint({
    method: 'POST',
    path: '/v1/upload',
    summary: 'Send bytes',
    scope: 'write',
    body: bytes(),
    result: json(z.object({ size: z.int() })),
    errors: [],
  }),
  download: endpoint({
    method: 'GET',
    path: '/v1/download',
    summary: 'Get bytes',
    scope: 'read',
    query: z.object({ size: z.coerce.number().int() }),
    result: bytes(),
    errors: [],
  }),
  echo: endpoint({
    method: 'GET',
    path: '/v1/echo/:name',
    summary: 'Frames back and forth',
    scope: 'read',
    params: z.object({ name: z.string().max(8) }),
    result: duplex(),
    errors: [],
  }),
}
