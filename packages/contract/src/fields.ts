import { z } from 'zod'

/** Scalars that many schemas share. Wire names are snake_case, sizes bytes, times RFC 3339 UTC. */
export const Uuid = z.uuid().describe('Full uuid.')
export const Timestamp = z.iso.datetime({ precision: 3 }).or(z.iso.datetime())
export const Bytes = z.int().min(0)
export const Port = z.int().min(1).max(65_535)

/** Names appear in URLs, labels and shells, so they stay plain. */
export const Name = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
    'letters, digits, "_", "." and "-", at most 63, beginning with a letter or digit',
  )

/** An image reference as `docker pull` takes it. */
export const ImageReference = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^\s]+$/, 'an image reference has no spaces')

export const EnvironmentKey = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, 'an environment variable name')
export const Environment = z.record(EnvironmentKey, z.string().max(131_072))

/** A NUL would end an argument early in every system call below. */
const Argument = z
  .string()
  .max(131_071)
  .refine((value) => !value.includes('\0'), 'must not contain NUL')
export const Argv = z.array(Argument).min(1).max(4096)

/** `cursor` is opaque and comes from `next_cursor`. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
})

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() })

export const Flag = z.enum(['true', 'false']).transform((text) => text === 'true')
