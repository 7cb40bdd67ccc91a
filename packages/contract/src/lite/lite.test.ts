import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { z } from 'zod'
import { api } from '../api/index.ts'
import { type Contract, listEndpoints } from '../endpoint.ts'
import { Control } from '../frames.ts'
import { arbitraryOf, spoil } from './test-support.ts'

vi.resetModules()
vi.doMock('zod', () => import('./zod.ts'))
const lite = {
  api: (await import('../api/index.ts')).api as Contract,
  Control: (await import('../frames.ts')).Control as z.ZodType,
}

const schemasOf = (tree: Contract): Map<string, z.ZodType> =>
  new Map(
    listEndpoints(tree).flatMap(({ name, endpoint: { result } }) =>
      'schema' in result ? [[name, result.schema] as const] : [],
    ),
  )
const liteSchemas = schemasOf(lite.api).set('control', lite.Control)

describe.each([...schemasOf(api).set('control', Control)])(
  'lite-zod, for the answer of %s',
  (name, schema) => {
    const ours = liteSchemas.get(name)

    it('is another schema', () => {
      expect(ours).toBeDefined()
      expect(ours).not.toBe(schema)
    })

    it('takes what zod takes, and drops what zod drops', () => {
      fc.assert(
        fc.property(arbitraryOf(schema), (value) => {
          expect(ours?.parse(value)).toEqual(schema.parse(value))
        }),
        { numRuns: 30 },
      )
    })

    it('refuses values of another type where zod does', () => {
      fc.assert(
        fc.property(arbitraryOf(schema), fc.nat(), (value, seed) => {
          const spoilt = spoil(value, seed)
          expect(ours?.safeParse(spoilt).success).toBe(schema.safeParse(spoilt).success)
        }),
        { numRuns: 60 },
      )
    })
  },
)
