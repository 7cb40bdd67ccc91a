import { z } from 'zod'

/** Scalars that many schemas share. Wire names are snake_case, sizes bytes, times RFC 3339 UTC. */
export const Uuid = z.uuid().describe('Full uuid.')
export const Timestamp = z.iso.datetime({ precision: 3 }).or(z.iso.datetime())
export const Bytes = z.int().min(0)
export const Port = z.int().min(1).max(65_535)
/** `public`: whoever knows the URL; `private`: with an API key or a signed link. */
export const PortMode = z.enum(['public', 'private'])
export type PortMode = z.infer<typeof PortMode>
/** Modes by port, for those that are not public. */
export const PortModes = z.record(z.string().regex(/^[1-9]\d{0,4}$/, 'a port'), PortMode)

const withoutNul = (value: string): boolean => !value.includes('\0')

/** What a user writes. PostgreSQL, the kernel and C all end a text at NUL. */
export const text = (max: number) => z.string().max(max).refine(withoutNul, 'must not contain NUL')

/**
 * What a program or another machine wrote, to be shown to people: control characters become spaces and what is too
 * long is cut, since a strange sentence must never make the whole message that carries it invalid.
 */
export const foreignText = (max: number) =>
  z.string().transform((value) => value.replaceAll(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, ' ').slice(0, max))

/** Names appear in URLs, labels and shells, so they stay plain. */
export const Name = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
    'letters, digits, "_", "." and "-", at most 63, beginning with a letter or digit',
  )

/** As a DNS name's labels, since it stands in commands and in TLS names. */
export const HostName = z
  .string()
  .regex(/^[a-zA-Z0-9][\w.-]{0,252}$/, 'letters, digits, "_", "." and "-", beginning with a letter or digit')

/** An image reference as `docker pull` takes it. */
export const ImageReference = text(512)
  .min(1)
  .regex(/^[^\s]+$/, 'an image reference has no spaces')

export const EnvironmentKey = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, 'an environment variable name')

const environmentMaxBytes = 256 << 10
const environmentMaxKeys = 512

/** Bounded as a whole too: it travels to the host with every change of its target. */
export const Environment = z
  .record(EnvironmentKey, text(131_072))
  .refine((env) => Object.keys(env).length <= environmentMaxKeys, `at most ${environmentMaxKeys} variables`)
  .refine(
    (env) => Object.entries(env).reduce((sum, pair) => sum + pair.join('=').length, 0) <= environmentMaxBytes,
    `at most ${environmentMaxBytes >> 10} KiB in all`,
  )

export const Argv = z
  .array(text(131_071))
  .min(1)
  .max(4096)
  .refine((argv) => argv.join(' ').length <= 1 << 20, 'at most 1 MiB in all')
/** A list is the argument vector; a string runs through `sh -c` as one argument. */
export const Command = z.union([Argv, text(131_071).min(1)])

/** `cursor` is opaque and comes from `next_cursor`. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: text(200).optional(),
})

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() })

export const Flag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** When a container whose command has ended by itself runs again; the words are Docker's. */
export const RestartPolicy = z
  .object({
    policy: z
      .enum(['no', 'on-failure', 'unless-stopped'])
      .describe('`on-failure`: after an exit code other than 0; `unless-stopped`: whatever it ended with.'),
    max_retries: z
      .int()
      .min(1)
      .max(1000)
      .nullable()
      .describe('Of `on-failure`: restarts in a row before it counts as failed; null: no limit.'),
  })
  .meta({ id: 'RestartPolicy' })
export type RestartPolicy = z.infer<typeof RestartPolicy>

/** Money as a decimal with at most four digits after the point. */
export const Amount = z
  .string()
  .regex(/^-?\d{1,8}(\.\d{1,4})?$/, 'a decimal like 1.49, at most four decimals')

/** A person's address; in lower case, since nobody has two that differ in that. */
export const Email = text(254)
  .regex(/^[^@\s\p{Cc}]+@[^@\s\p{Cc}]+$/u, 'an e-mail address')
  .transform((address) => address.toLowerCase())

/** Volumes that a container is to have, by name or uuid, with where it sees them. */
export const VolumeRequests = z
  .array(z.object({ name: text(255), mount_path: text(4096), read_only: z.boolean().default(false) }))
  .max(16)

/** How volumes are kept: as an image file of one host, on MooseFS, or on an NFS server of the operator's. */
export const volumeDrivers = ['local', 'moosefs', 'nfs'] as const
export const VolumeDriver = z.enum(volumeDrivers)
export type VolumeDriver = z.infer<typeof VolumeDriver>
