import { z } from 'zod'

const candidates: readonly unknown[] = [
  'sample',
  '00000000-0000-4000-8000-000000000000',
  'sample@example.com',
  'Abcd1234',
  '1.00',
  '2030-01-01T00:00:00Z',
  'SIGINT',
  1,
  60,
  1 << 30,
  true,
  ['sample'],
]

/** The least that a schema takes: required fields only, each the first thing that it lets pass. */
export function sampleOf(schema: z.ZodType): unknown {
  if (schema.safeParse(undefined).success) return undefined
  if (schema instanceof z.ZodObject) {
    return Object.fromEntries(
      Object.entries(schema.shape).flatMap(([key, field]) => {
        const value = sampleOf(field as z.ZodType)
        return value === undefined ? [] : [[key, value]]
      }),
    )
  }
  if (schema instanceof z.ZodEnum) return schema.options[0]
  return candidates.find((candidate) => schema.safeParse(candidate).success)
}
