import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent, control } from './agent/index.ts'
import { gateway } from './gateway/index.ts'
import { api } from './api/index.ts'
import { isBytesBody, listEndpoints } from './endpoint.ts'
import { ErrorEnvelope, errorTable, GpulabError, isErrorCode, toGpulabError } from './errors.ts'

const trees = { api, control, agent, gateway }
const endpoints = Object.entries(trees).flatMap(([tree, contract]) => listEndpoints(contract, `${tree}.`))

const resultSchema = ({ result }: (typeof endpoints)[number]['endpoint']) =>
  'schema' in result ? result.schema : undefined

/** Every schema below one, itself included. */
function walk(schema: z.ZodType, seen = new Set<z.ZodType>()): Set<z.ZodType> {
  if (seen.has(schema)) return seen
  seen.add(schema)
  for (const child of childrenOf(schema.def)) walk(child, seen)
  return seen
}
function childrenOf(value: unknown): z.ZodType[] {
  if (value instanceof z.ZodType) return [value]
  if (Array.isArray(value)) return value.flatMap(childrenOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(childrenOf)
}

describe.each(endpoints)('$name', ({ endpoint }) => {
  const { path, params, body, method, summary } = endpoint

  it('says what it does', () => {
    expect(summary).toMatch(/^[A-Z].{5,}[^.]$/)
  })

  it('has a parameter for each name in its path, and no other', () => {
    const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name)
    expect(Object.keys(params?.shape ?? {})).toEqual(named)
  })

  it('says what a second POST with the same idempotency key gets', () => {
    // What is streamed is not kept to be compared.
    const isStreamed = body !== undefined && isBytesBody(body)
    const isUsers = method === 'POST' && path.startsWith('/v1/') && !isStreamed
    expect(endpoint.idempotency !== undefined).toBe(isUsers)
  })

  it('takes a body only where HTTP has one', () => {
    if (body) expect(['POST', 'PUT', 'PATCH']).toContain(method)
  })

  it('answers with plain data: what is checked on the way out is what the client gets', () => {
    const schema = resultSchema(endpoint)
    const kinds = schema ? [...walk(schema)].map(({ def }) => def.type) : []
    expect(
      kinds.filter((kind) => ['transform', 'pipe', 'default', 'prefault', 'catch'].includes(kind)),
    ).toEqual([])
  })

  it('coerces strings in paths and queries only', () => {
    const coerced = [body && !isBytesBody(body) ? body : undefined, resultSchema(endpoint)].filter(
      (schema) => schema !== undefined,
    )
    for (const schema of coerced) {
      for (const inner of walk(schema)) expect('coerce' in inner.def && inner.def.coerce).toBeFalsy()
    }
  })
})

describe('the whole contract', () => {
  it('has no two endpoints on one route', () => {
    const routes = endpoints.map(
      ({ endpoint }) => `${endpoint.method} ${endpoint.path.replaceAll(/:\w+/g, ':')}`,
    )
    expect(new Set(routes).size).toBe(routes.length)
  })

  it('has no two schemas of one id', () => {
    const byId = new Map<string, z.ZodType>()
    for (const { endpoint } of endpoints) {
      const roots = [
        resultSchema(endpoint),
        endpoint.body && !isBytesBody(endpoint.body) ? endpoint.body : undefined,
      ]
      for (const schema of roots.flatMap((root) => (root ? [...walk(root)] : []))) {
        const id = schema.meta()?.id
        if (id === undefined) continue
        expect(byId.get(id) ?? schema, id).toBe(schema)
        byId.set(id, schema)
      }
    }
    expect(byId.size).toBeGreaterThan(5)
  })

  it('keeps the public API under /v1 and agents under a path of their own', () => {
    for (const { name, endpoint } of endpoints) {
      if (name.startsWith('api.')) expect(endpoint.path).toMatch(/^\/v1\//)
      if (name.startsWith('control.')) expect(endpoint.path).toMatch(/^\/agent\/v1\//)
    }
  })
})

describe('errors', () => {
  it.each(Object.entries(errorTable))(
    '%s has a sentence, a status and an exit code',
    (code, { title, status, exitCode }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)+$|^internal$|^interrupted$/)
      expect(title).toMatch(/^[A-Z].*\.$/)
      expect(status).toBeGreaterThanOrEqual(400)
      expect([1, 2, 3, 4, 5, 6, 7, 124, 130]).toContain(exitCode)
    },
  )

  it('survive the wire', () => {
    const error = new GpulabError('no_capacity', { message: 'Full.', hint: 'Wait.', details: { free: 0 } })
    const envelope = ErrorEnvelope.parse(JSON.parse(JSON.stringify(error.toEnvelope('req_1'))))
    expect(toGpulabError(409, envelope)).toMatchObject({
      code: 'no_capacity',
      message: 'Full.',
      hint: 'Wait.',
      details: { free: 0 },
      requestId: 'req_1',
    })
  })

  it('of a newer server keep their message and the class of their status', () => {
    const newer = { error: { code: 'moon_phase_wrong', message: 'Wait for the moon.', retryable: false } }
    expect(isErrorCode('moon_phase_wrong')).toBe(false)
    expect(toGpulabError(404, newer)).toMatchObject({
      code: 'route_not_found',
      message: 'Wait for the moon.',
    })
    expect(toGpulabError(500, newer)).toMatchObject({ code: 'internal' })
  })

  it('of something that is not GPULab say so', () => {
    expect(toGpulabError(502, '<html>')).toMatchObject({ code: 'api_unreachable' })
    expect(toGpulabError(404, null)).toMatchObject({ code: 'answer_invalid' })
  })
})
