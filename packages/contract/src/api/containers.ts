import { z } from 'zod'
import { endpoint, empty, json } from '../endpoint.ts'
import {
  Bytes,
  Command,
  Environment,
  Flag,
  ImageReference,
  Name,
  PageQuery,
  pageOf,
  Port,
  PortModes,
  RestartPolicy,
  text,
  Timestamp,
  Uuid,
  VolumeRequests,
} from '../fields.ts'
import { statuses } from '../statuses.ts'

export const Status = z.enum(statuses)
export type Status = z.infer<typeof Status>

export const ContainerGpu = z.object({
  uuid: z.string().describe('As nvidia-smi prints it.'),
  name: z.string(),
  memory_bytes: Bytes,
  simulated: z.boolean(),
})

export const ExitReason = z.object({
  exit_code: z.int(),
  signal: z.string().nullable(),
  oom_killed: z.boolean(),
  finished_at: Timestamp.nullable(),
})
export type ExitReason = z.infer<typeof ExitReason>

export const Container = z
  .object({
    uuid: Uuid,
    name: z.string(),
    status: z.string().describe(`One of ${statuses.join(', ')}.`),
    status_reason: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .describe('Why the container is in this status, where that is not plain.'),
    since: Timestamp.describe('Since when it is in this status.'),
    deadline: Timestamp.nullable().describe(
      'When a passing status ends at the latest, as what is expected or as failed; null for lasting ones.',
    ),
    owner: z
      .string()
      .nullable()
      .describe('Who has to act for a passing status to end: `host`, `scheduler` or `operator`.'),
    next_step: z.string().nullable().describe('What its user can do about it.'),
    queue: z
      .object({
        position: z.int().min(1).describe('Of those that wait for the same GPU types; 1 is next.'),
        reason: z.string().describe('What is missing.'),
      })
      .nullable()
      .describe('Its place in line while it is queued.'),
    type: z.enum(['gpu', 'cpu']),
    gpu_type: z.string().nullable().describe('What it has, or wants first while it is queued.'),
    gpu_types: z.array(z.string()).describe('What it may have, in the order of preference.'),
    gpu_count: z.int(),
    gpus: z.array(ContainerGpu).describe('The cards it holds now; empty while it is stopped.'),
    simulated: z.boolean().describe('Whether its GPUs are simulated.'),
    template: z.string().nullable(),
    image: z.string(),
    stand_in_for: z
      .string()
      .nullable()
      .describe('The image that was meant, where a small stand-in is used because no registry is reachable.'),
    command: z.array(z.string()).nullable().describe('null: what the image says.'),
    env: z.record(z.string(), z.string()).describe('Values are masked unless asked for; secrets always.'),
    ports: z
      .record(z.string(), z.string().nullable())
      .describe('Port to URL; null where this installation has no gateway.'),
    port_modes: z.record(z.string(), z.string()).describe('Port to `public` or `private`.'),
    volumes: z
      .array(z.object({ uuid: Uuid, name: z.string(), mount_path: z.string(), read_only: z.boolean() }))
      .describe('In the order in which they were asked for.'),
    memory_bytes: Bytes,
    cpus: z.number().nullable().describe('null: no limit but the host.'),
    disk_bytes: Bytes.describe('Room that is set aside for it when hosts are chosen; not enforced.'),
    restart: z
      .object({ policy: z.string(), max_retries: z.int().nullable() })
      .describe('When it runs again by itself.'),
    restarts: z.int().describe('Automatic restarts since it was last started by a user.'),
    host: z.string().nullable(),
    generation: z.int().describe('Grows each time the container is made anew.'),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    finished_at: Timestamp.nullable(),
    uptime: z.int().nullable().describe('Seconds since it started; null when it does not run.'),
    exit_code: z.int().nullable(),
    exit_signal: z.string().nullable().describe('Of an exit code above 128: the signal that ended it.'),
    oom_killed: z.boolean(),
    last_exit: ExitReason.nullable().describe('How its last run ended, also while it runs again.'),
  })
  .meta({ id: 'Container' })
export type Container = z.infer<typeof Container>

export const CreateContainer = z
  .object({
    name: Name.optional().describe('Made up from the template when left out.'),
    template: text(255).optional().describe('Name or uuid; either this or `image`.'),
    image: ImageReference.optional(),
    gpu_type: text(255).optional().describe('Exact name of a GPU type. Without it: no GPU.'),
    gpu_types: z
      .array(text(255))
      .min(1)
      .max(16)
      .optional()
      .describe('Instead of `gpu_type`: several, of which the first that is free is taken.'),
    gpu_count: z.int().min(1).max(64).optional().describe('1 when left out.'),
    queue: z.boolean().default(false).describe('Wait in line where there is no room now.'),
    if_exists: z
      .enum(['fail', 'adopt', 'replace'])
      .default('fail')
      .describe(
        'If the team has a container of that name: an error, that one as it is if it is what was asked for, or this one in its place.',
      ),
    restart: RestartPolicy.default({ policy: 'no', max_retries: null }),
    ports: z.array(Port).max(64).optional().describe("The template's when left out."),
    port_modes: PortModes.default({}).describe(
      '`private` where a port is not for everybody; of `ports` only.',
    ),
    env: Environment.default({}),
    secrets: Environment.default({}).describe('Environment variables whose values are never shown again.'),
    command: Command.optional().describe('A list is the argument vector; a string runs through `sh -c`.'),
    memory_bytes: Bytes.min(16 << 20)
      .optional()
      .describe("The template's when left out."),
    cpus: z.number().positive().max(1024).optional(),
    disk_bytes: Bytes.optional().describe(
      "Room to set aside on the host; not enforced. The template's when left out.",
    ),
    volumes: VolumeRequests.default([]).describe("In the place of the template's with the same path."),
  })
  .refine((body) => (body.template === undefined) !== (body.image === undefined), {
    error: 'give either a template or an image',
    path: ['template'],
  })
  .refine((body) => body.gpu_type === undefined || body.gpu_types === undefined, {
    error: 'give either gpu_type or gpu_types',
    path: ['gpu_types'],
  })
  .refine((body) => body.if_exists === 'fail' || body.name !== undefined, {
    error: 'needs a name',
    path: ['if_exists'],
  })
  .refine((body) => body.restart.max_retries === null || body.restart.policy === 'on-failure', {
    error: 'only on-failure has a number of retries',
    path: ['restart', 'max_retries'],
  })
  .refine((body) => body.gpu_count === undefined || (body.gpu_type ?? body.gpu_types) !== undefined, {
    error: 'say which GPUs with gpu_type',
    path: ['gpu_count'],
  })
  .meta({ id: 'CreateContainer' })
export type CreateContainer = z.infer<typeof CreateContainer>

const ById = z.object({ uuid: Uuid })
const base = '/v1/containers'

export const containers = {
  create: endpoint({
    method: 'POST',
    path: base,
    summary: 'Deploy a container',
    scope: 'write',
    rate: 'deploy',
    body: CreateContainer,
    result: json(Container, 201),
    errors: [
      'template_not_found',
      'gpu_type_not_found',
      'container_name_taken',
      'no_capacity',
      'quota_exceeded',
      'balance_exhausted',
      'volume_not_found',
      'volume_wrong_state',
      'volumes_apart',
    ],
    idempotency: 'replay',
  }),
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List containers, the newest first',
    scope: 'read',
    query: PageQuery.extend({
      status: Status.optional(),
      name: text(63).optional().describe('Exact name.'),
    }),
    result: json(pageOf(Container)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: `${base}/:uuid`,
    summary: 'Show a container',
    scope: 'read',
    params: ById,
    query: z.object({
      show_env: Flag.optional().describe('Show the values of environment variables, but of secrets.'),
    }),
    result: json(Container),
    errors: ['container_not_found'],
  }),
  stop: endpoint({
    method: 'POST',
    path: `${base}/:uuid/stop`,
    summary: 'Stop a container and give its GPUs back',
    scope: 'write',
    idempotency: 'replay',
    params: ById,
    result: json(Container, 202),
    errors: ['container_not_found', 'container_wrong_state'],
  }),
  start: endpoint({
    method: 'POST',
    path: `${base}/:uuid/start`,
    summary: 'Start a stopped container',
    scope: 'write',
    rate: 'deploy',
    idempotency: 'replay',
    params: ById,
    result: json(Container, 202),
    errors: [
      'container_not_found',
      'container_wrong_state',
      'no_capacity',
      'quota_exceeded',
      'balance_exhausted',
    ],
  }),
  restart: endpoint({
    method: 'POST',
    path: `${base}/:uuid/restart`,
    summary: 'Restart a running container',
    scope: 'write',
    idempotency: 'replay',
    params: ById,
    result: json(Container, 202),
    errors: ['container_not_found', 'container_wrong_state'],
  }),
  redeploy: endpoint({
    method: 'POST',
    path: `${base}/:uuid/redeploy`,
    summary: 'Make a failed or stopped container anew from its image; its files are lost',
    scope: 'write',
    rate: 'deploy',
    idempotency: 'replay',
    params: ById,
    result: json(Container, 202),
    errors: [
      'container_not_found',
      'container_wrong_state',
      'no_capacity',
      'quota_exceeded',
      'balance_exhausted',
      'host_unreachable',
    ],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: `${base}/:uuid`,
    summary: 'Delete a container in whatever status it is',
    scope: 'write',
    params: ById,
    result: empty(),
    errors: ['container_not_found'],
  }),
}
