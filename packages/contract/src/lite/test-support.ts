import fc from 'fast-check'
import { z } from 'zod'

/** Values that a schema of an answer takes, with keys that it does not know. */
export function arbitraryOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodNullable) return fc.option(arbitraryOf(schema.unwrap()), { nil: null })
  if (schema instanceof z.ZodObject) return objectOf(schema)
  if (schema instanceof z.ZodArray) return fc.array(arbitraryOf(schema.element), { maxLength: 2 })
  if (schema instanceof z.ZodRecord)
    return fc.dictionary(fc.string({ minLength: 1 }), arbitraryOf(schema.valueType), {
      maxKeys: 2,
      noNullPrototype: true,
    })
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map((option) => arbitraryOf(option)))
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...(schema.options as string[]))
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...schema.values)
  if (schema instanceof z.ZodBoolean) return fc.boolean()
  if (schema instanceof z.ZodNumber) return numberOf(schema)
  if (schema instanceof z.ZodUUID) return fc.uuid({ version: 4 })
  if (schema instanceof z.ZodISODateTime)
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
      .map((date) => date.toISOString())
  if (schema instanceof z.ZodBase64) return fc.base64String()
  if (schema instanceof z.ZodString)
    return fc.string({ maxLength: 20 }).filter((text) => schema.safeParse(text).success)
  if (schema instanceof z.ZodUnknown) return fc.jsonValue({ maxDepth: 2 })
  throw new Error(
    `The contract's answers have a kind of schema that has no values here: ${schema._zod.def.type}`,
  )
}

function numberOf(schema: z.ZodNumber): fc.Arbitrary<number> {
  const min = schema.minValue ?? -1000
  const low = Number.isFinite(min) ? Math.max(min, -(2 ** 40)) : -1000
  const high = Math.min(schema.maxValue ?? Infinity, 2 ** 40)
  return fc.integer({ min: low, max: high })
}

function objectOf(schema: z.ZodObject): fc.Arbitrary<unknown> {
  const required: string[] = []
  const fields: Record<string, fc.Arbitrary<unknown>> = {}
  for (const [key, field] of Object.entries(schema.shape)) {
    const isOptional = field instanceof z.ZodOptional
    fields[key] = arbitraryOf(isOptional ? field.unwrap() : field)
    if (!isOptional) required.push(key)
  }
  const odd: Record<string, fc.Arbitrary<unknown>> = { 'a key of a later version': fc.boolean() }
  return fc.record({ ...fields, ...odd }, { requiredKeys: required, noNullPrototype: true })
}

/** Puts something of another type in the place of one value. */
export function spoil(value: unknown, seed: number): unknown {
  const places = placesOf(value)
  const place = places[seed % places.length] ?? []
  // Of the same type, only ranges and patterns could tell.
  const other = typeof valueAt(value, place) === 'number' ? 'odd' : 7
  return replaceAt(value, place, [{ odd: true }, [[]], other, null, undefined][seed % 5])
}

const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce((holder, key) => (holder as Record<string, unknown>)[key], value)

function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, child]) => placesOf(child, [...path, key]))]
}

function replaceAt(value: unknown, [key, ...rest]: readonly string[], replacement: unknown): unknown {
  if (key === undefined) return replacement
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }
  const holder = copy as Record<string, unknown>
  holder[key] = replaceAt(holder[key], rest, replacement)
  return copy
}
