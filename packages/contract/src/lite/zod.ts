// As much of zod as the contract uses, in a fraction of the time that zod takes to load and to build schemas: for
// programs that start anew with each command. It checks the shape of answers and drops keys that it does not know, as
// zod does; it does not check ranges and patterns, which only those check that answer. `lite.test.ts` compares the two.

type Result =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly error: Error }
type Check = (value: unknown) => unknown

class Mismatch extends Error {}
const mismatch = (expected: string): never => {
  throw new Mismatch(`expected ${expected}`)
}

class Schema {
  readonly check: Check
  /** Of an object, by which a union tells its options apart. */
  readonly shape: Readonly<Record<string, Schema>>
  readonly literal: unknown

  constructor(check: Check, shape: Readonly<Record<string, Schema>> = {}, literal?: unknown) {
    this.check = check
    this.shape = shape
    this.literal = literal
  }

  safeParse(value: unknown): Result {
    try {
      return { success: true, data: this.check(value) }
    } catch (error) {
      if (error instanceof Mismatch) return { success: false, error }
      throw error
    }
  }

  parse(value: unknown): unknown {
    return this.check(value)
  }

  optional(): Schema {
    return new Schema((value) => (value === undefined ? undefined : this.check(value)))
  }

  nullable(): Schema {
    return new Schema((value) => (value === null ? null : this.check(value)))
  }

  default(preset: unknown): Schema {
    return new Schema((value) => (value === undefined ? preset : this.check(value)))
  }

  or(other: Schema): Schema {
    return union([this, other])
  }

  extend(more: Readonly<Record<string, Schema>>): Schema {
    return object({ ...this.shape, ...more })
  }

  omit(keys: Readonly<Record<string, true>>): Schema {
    return object(Object.fromEntries(Object.entries(this.shape).filter(([key]) => !(key in keys))))
  }

  pick(keys: Readonly<Record<string, true>>): Schema {
    return object(Object.fromEntries(Object.entries(this.shape).filter(([key]) => key in keys)))
  }

  partial(): Schema {
    return object(Object.fromEntries(Object.entries(this.shape).map(([key, each]) => [key, each.optional()])))
  }

  transform(change: (value: unknown) => unknown): Schema {
    return new Schema((value) => change(this.check(value)))
  }
}

/** What zod checks beyond the shape, or only tells others. */
const unchecked =
  'describe meta min max int positive nonnegative gt gte lt lte multipleOf length nonempty regex refine superRefine check startsWith endsWith includes trim toLowerCase toUpperCase strict loose readonly brand'.split(
    ' ',
  )
for (const name of unchecked) {
  Object.defineProperty(Schema.prototype, name, {
    value(this: Schema) {
      return this
    },
  })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function object(shape: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(shape)
  return new Schema((value) => {
    if (!isObject(value)) return mismatch('object')
    const known: Record<string, unknown> = {}
    for (const [key, schema] of entries) {
      const checked = schema.check(value[key])
      if (checked !== undefined || key in value) known[key] = checked
    }
    return known
  }, shape)
}

const array = (item: Schema): Schema =>
  new Schema((value) => (Array.isArray(value) ? value.map((each) => item.check(each)) : mismatch('array')))

const record = (_key: Schema, item: Schema): Schema =>
  new Schema((value) =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value)
            // As zod: whoever copies it key by key must not change its prototype.
            .filter(([key]) => key !== '__proto__')
            .map(([key, each]) => [key, item.check(each)]),
        )
      : mismatch('record'),
  )

function union(options: readonly Schema[]): Schema {
  return new Schema((value) => {
    for (const option of options) {
      const result = option.safeParse(value)
      if (result.success) return result.data
    }
    return mismatch('one of several shapes')
  })
}

function discriminatedUnion(key: string, options: readonly Schema[]): Schema {
  return new Schema((value) => {
    const option = isObject(value)
      ? options.find(({ shape }) => shape[key]?.literal === value[key])
      : undefined
    return option ? option.check(value) : mismatch(`a known ${key}`)
  })
}

const ofType = (type: 'string' | 'number' | 'boolean') => (): Schema =>
  new Schema((value) => (typeof value === type ? value : mismatch(type)))
const string = ofType('string')
const number = ofType('number')
const coerced = new Schema((value) => {
  const result = Number(value)
  return Number.isNaN(result) ? mismatch('number') : result
})

export const z = {
  string,
  number,
  boolean: ofType('boolean'),
  int: (): Schema => new Schema((value) => (Number.isSafeInteger(value) ? value : mismatch('int'))),
  uuid: string,
  email: string,
  url: string,
  base64: string,
  iso: { datetime: string, date: string },
  coerce: { number: (): Schema => coerced },
  enum: (values: readonly string[]): Schema =>
    new Schema((value) => (values.includes(value as string) ? value : mismatch('a known word'))),
  literal: (literal: unknown): Schema =>
    new Schema((value) => (value === literal ? value : mismatch(String(literal))), {}, literal),
  unknown: (): Schema => new Schema((value) => value),
  object,
  array,
  record,
  union,
  discriminatedUnion,
}
