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
  text,
  Timestamp,
  Uuid,
} from '../fields.ts'

/** What a user sees. `failed`, `stopped` and `running` last; the others pass. */
export const statuses = [
  'queued',
  'deploying',
  'running',
  'stopping',
  'stopped',
  'starting',
  'restarting',
  'failed',
  'deleting',
  'unreachable',
] as const
export const Status = z.enum(statuses)
export type Status = z.infer<typeof Status>

export const ContainerGpu = z.object({
  uuid: z.string().describe('As nvidia-smi prints it.'),
  name: z.string(),
  memory_bytes: Bytes,
  simulated: z.boolean(),
})

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
    type: z.enum(['gpu', 'cpu']),
    gpu_type: z.string().nullable(),
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
    env: z.record(z.string(), z.string()).describe('Values are masked unless asked for.'),
    ports: z
      .record(z.string(), z.string().nullable())
      .describe('Port to URL; null where this installation has no gateway.'),
    memory_bytes: Bytes,
    cpus: z.number().nullable().describe('null: no limit but the host.'),
    host: z.string().nullable(),
    generation: z.int().describe('Grows each time the container is made anew.'),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    finished_at: Timestamp.nullable(),
    uptime: z.int().nullable().describe('Seconds since it started; null when it does not run.'),
    exit_code: z.int().nullable(),
    oom_killed: z.boolean(),
  })
  .meta({ id: 'Container' })
export type Container = z.infer<typeof Container>

export const CreateContainer = z
  .object({
    name: Name.optional().describe('Made up from the template when left out.'),
    template: text(255).optional().describe('Name or uuid; either this or `image`.'),
    image: ImageReference.optional(),
    gpu_type: text(255).optional().describe('Exact name of a GPU type. Without it: no GPU.'),
    gpu_count: z.int().min(1).max(64).optional().describe('1 when left out.'),
    ports: z.array(Port).max(64).optional().describe("The template's when left out."),
    env: Environment.default({}),
    command: Command.optional().describe('A list is the argument vector; a string runs through `sh -c`.'),
    memory_bytes: Bytes.min(16 << 20)
      .optional()
      .describe("The template's when left out."),
    cpus: z.number().positive().max(1024).optional(),
    volumes: z
      .array(z.object({ name: text(255), mount_path: text(4096), read_only: z.boolean().default(false) }))
      .default([]),
  })
  .refine((body) => (body.template === undefined) !== (body.image === undefined), {
    error: 'give either a template or an image',
    path: ['template'],
  })
  .refine((body) => body.gpu_count === undefined || body.gpu_type !== undefined, {
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
    body: CreateContainer,
    result: json(Container, 201),
    errors: [
      'template_not_found',
      'gpu_type_not_found',
      'container_name_taken',
      'no_capacity',
      'not_available',
    ],
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
    query: z.object({ show_env: Flag.optional().describe('Show the values of environment variables.') }),
    result: json(Container),
    errors: ['container_not_found'],
  }),
  stop: endpoint({
    method: 'POST',
    path: `${base}/:uuid/stop`,
    summary: 'Stop a container and give its GPUs back',
    scope: 'write',
    params: ById,
    result: json(Container, 202),
    errors: ['container_not_found', 'container_wrong_state'],
  }),
  start: endpoint({
    method: 'POST',
    path: `${base}/:uuid/start`,
    summary: 'Start a stopped container',
    scope: 'write',
    params: ById,
    result: json(Container, 202),
    errors: ['container_not_found', 'container_wrong_state', 'no_capacity'],
  }),
  restart: endpoint({
    method: 'POST',
    path: `${base}/:uuid/restart`,
    summary: 'Restart a running container',
    scope: 'write',
    params: ById,
    result: json(Container, 202),
    errors: ['container_not_found', 'container_wrong_state'],
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
