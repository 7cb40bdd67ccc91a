import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Argv, Bytes, Environment, ImageReference, RestartPolicy, Uuid, VolumeDriver } from '../fields.ts'

/**
 * What the control plane wants of one container. `start_after` is the engine's own `StartedAt` of the run that a
 * new run shall follow: a container whose current run is that one is started or restarted, any other is let be.
 * So the wish can be repeated, lost or late without starting anything twice, and no two clocks are compared.
 */
export const TargetContainer = z.object({
  uuid: Uuid,
  generation: z.int().min(1),
  base_generation: z
    .int()
    .min(1)
    .nullable()
    .describe(
      'The older generation whose files this one goes on with: its container is committed to an image, from which this one is made. null: the image as it is.',
    ),
  desired: z.enum(['running', 'stopped', 'absent']),
  start_after: z.string().nullable(),
  attempt: z
    .int()
    .min(1)
    .describe('Grows with each wish for a run; a failure counts for the attempt that it belongs to.'),
  restart: RestartPolicy,
  restarts: z
    .int()
    .min(0)
    .describe(
      'Automatic restarts of this attempt that the control plane has heard of, for an agent that is new.',
    ),
  has_run: z
    .boolean()
    .describe(
      'Whether this generation is known to have run on this host: if it is not there, it is lost, and not to be made anew.',
    ),
  name: z.string(),
  team_uuid: Uuid.describe("Containers of one team share one network, and no other team's."),
  image: ImageReference,
  registry_login: z
    .object({
      id: Uuid.describe('Another one after each change of the login.'),
      username: z.string(),
      password: z.string(),
    })
    .nullable()
    .describe("The team's, for the registry of the image. Nobody without it gets what was pulled with it."),
  command: Argv.nullable(),
  env: Environment,
  gpu_uuids: z.array(z.string()).describe('What it holds leases of: all that it may be started with.'),
  memory_bytes: Bytes,
  cpus: z.number().nullable(),
  volumes: z
    .array(z.object({ uuid: Uuid, mount_path: z.string(), read_only: z.boolean() }))
    .describe('What it sees of the volumes that this target has.'),
})
export type TargetContainer = z.infer<typeof TargetContainer>

/** What the control plane wants of one volume. */
export const TargetVolume = z.object({
  uuid: Uuid,
  driver: VolumeDriver,
  size_bytes: Bytes.describe('What its users may put into it.'),
  generation: z.int().min(1).describe('Grows with each wish for a size; a failure counts for that one.'),
  desired: z.enum(['present', 'absent']),
  manages: z.boolean().describe('Whether this host makes, sizes and removes it; any other only mounts it.'),
  was_made: z.boolean().describe('Whether it is known to have been there: if it is gone, it is lost.'),
  team_uuid: Uuid.optional().describe('Whose it is: no team may keep its neighbours from their files.'),
})
export type TargetVolume = z.infer<typeof TargetVolume>

export const Target = z.object({
  version: z.int().min(0).describe('Grows with each change of what this host shall do.'),
  containers: z.array(TargetContainer),
  volumes: z.array(TargetVolume),
})
export type Target = z.infer<typeof Target>

/** So that a fleet at rest costs little: most polls end because the wait is over. */
const TargetAnswer = Target.extend({
  containers: Target.shape.containers
    .nullable()
    .describe('null: they and the volumes are as they were at `after`, which is `version`.'),
})
export type TargetAnswer = z.infer<typeof TargetAnswer>

/**
 * Longest time in seconds that the server holds a long poll; with what the agent adds, how long it takes to notice that a
 * connection was lost without a word.
 */
export const targetWaitSeconds = 20

export const target = {
  get: endpoint({
    method: 'GET',
    path: '/agent/v1/target',
    summary: 'Wait for a newer target than `after`, or hear when the wait is over that there is none',
    scope: 'host',
    query: z.object({ after: z.coerce.number().int().min(-1).default(-1) }),
    result: json(TargetAnswer),
    errors: [],
  }),
}
