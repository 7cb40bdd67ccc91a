import {
  type Contract,
  type Endpoint,
  type ErrorCode,
  ErrorEnvelope,
  errorTable,
  isBytesBody,
  listEndpoints,
  requirementOf,
} from '@gpulab/contract'
import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi'

export type OpenApiDocument = ReturnType<typeof createDocument>

/** Codes that any endpoint may answer with; named once instead of at each. */
const sharedErrors = [
  'invalid_request',
  'api_key_missing',
  'api_key_invalid',
  'scope_missing',
  'role_missing',
  'rate_limited',
  'internal',
  'database_unavailable',
] as const

/** The OpenAPI 3.1 document of a contract. Objects in answers stay open: fields are only ever added. */
export function createOpenApi(
  tree: Contract,
  info: { title: string; version: string; description?: string },
): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {}
  for (const { name, endpoint } of listEndpoints(tree)) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: toOperation(name, endpoint) }
  }
  return createDocument(
    {
      openapi: '3.1.1',
      info,
      paths,
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'api-key' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
    },
    {
      override: ({ jsonSchema, io }) => {
        if (io === 'output' && jsonSchema.additionalProperties === false)
          delete jsonSchema.additionalProperties
      },
    },
  )
}

const key = (repeated: string) =>
  z
    .string()
    .max(255)
    .optional()
    .describe(`A request with the key of an earlier one, within 24 hours, does nothing again: ${repeated}.`)
const idempotencyKeys = {
  replay: key('it answers with the present state of what the first one made or changed'),
  once: key('it answers with `idempotency_replayed`'),
} as const

function toOperation(name: string, endpoint: Endpoint): ZodOpenApiOperationObject {
  const { params, query, body, scope, summary } = endpoint
  const conditions = conditionsOf(endpoint)
  const { role } = requirementOf(endpoint)
  return {
    operationId: name,
    summary,
    tags: [name.split('.')[0] ?? name],
    security: scope === 'public' ? [] : [{ apiKey: [] }, { bearer: [] }],
    'x-scope': scope,
    ...(role && { 'x-role': role }),
    ...((params ?? query ?? endpoint.idempotency ?? conditions) && {
      requestParams: {
        ...(params && { path: params }),
        ...(query && { query }),
        ...((endpoint.idempotency ?? conditions) && {
          header: z.object({
            ...(endpoint.idempotency && { 'idempotency-key': idempotencyKeys[endpoint.idempotency] }),
            ...conditions,
          }),
        }),
      },
    }),
    ...(body && {
      requestBody: {
        content: isBytesBody(body)
          ? { [body.mediaType]: { schema: { type: 'string', format: 'binary' } } }
          : { 'application/json': { schema: body } },
      },
    }),
    responses: { ...toSuccess(endpoint), ...toFailures(endpoint) },
  }
}

const tag = (effect: string) => z.string().optional().describe(`An \`etag\`: ${effect}.`)

function conditionsOf({ result, conditional }: Endpoint): Record<string, z.ZodType> | undefined {
  if (result.kind === 'file') {
    return {
      range: z.string().optional().describe('`bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`.'),
      'if-range': tag('where it is another now, the whole file comes'),
      'if-none-match': tag('where it is still that one, nothing comes'),
    }
  }
  if (!conditional) return undefined
  return {
    'if-match': tag('writes only where it is still that one; `*`: only what is there'),
    'if-none-match': z.string().optional().describe('`*`: writes only where nothing is.'),
  }
}

function toSuccess({ result }: Endpoint): ZodOpenApiOperationObject['responses'] {
  switch (result.kind) {
    case 'json':
      return {
        [`${result.status}`]: {
          description: 'Done',
          content: { 'application/json': { schema: result.schema } },
        },
      }
    case 'empty':
      return { 204: { description: 'Done' } }
    case 'bytes':
      return {
        200: {
          description: 'Bytes',
          content: { [result.mediaType]: { schema: { type: 'string', format: 'binary' } } },
        },
      }
    case 'file': {
      const content = {
        'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
      } as const
      return {
        200: { description: 'The whole file', content },
        206: { description: 'The part that `range` asks for', content },
        304: { description: 'It is as `if-none-match` says' },
      }
    }
    case 'events':
      return {
        200: {
          description: 'One object a line, or server-sent events if `accept` is `text/event-stream`',
          content: { 'application/x-ndjson': { schema: result.schema } },
        },
      }
    case 'duplex':
      return { 101: { description: 'A WebSocket of frames' } }
  }
}

function repetitionErrors(idempotency: Endpoint['idempotency']): ErrorCode[] {
  if (idempotency === undefined) return []
  return idempotency === 'once'
    ? ['idempotency_key_reused', 'idempotency_replayed']
    : ['idempotency_key_reused']
}

function toFailures({ errors, idempotency }: Endpoint): ZodOpenApiOperationObject['responses'] {
  const byStatus = Map.groupBy(
    [...new Set([...errors, ...sharedErrors, ...repetitionErrors(idempotency)])],
    (code) => errorTable[code].status,
  )
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      `${status}`,
      {
        description: codes.map((code) => `\`${code}\``).join(', '),
        content: { 'application/json': { schema: ErrorEnvelope } },
      },
    ]),
  )
}
