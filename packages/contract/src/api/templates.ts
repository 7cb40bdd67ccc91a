import { z } from 'zod'
import { empty, endpoint, json } from '../endpoint.ts'
import {
  Bytes,
  Command,
  Environment,
  ImageReference,
  Name,
  PageQuery,
  pageOf,
  Port,
  text,
  Uuid,
  VolumeRequests,
} from '../fields.ts'

export const Template = z
  .object({
    uuid: Uuid,
    name: z.string(),
    type: z.enum(['gpu', 'cpu']),
    shared: z.boolean().describe("Whether all teams have it; else it is the team's own."),
    image: z.string(),
    stand_in_for: z.string().nullable().describe('The image that was meant, where a stand-in is used.'),
    ports: z.array(Port),
    env: z.record(z.string(), z.string()).describe('What a deployment says itself comes before it.'),
    memory_bytes: Bytes,
    disk_bytes: Bytes.describe('Room to set aside on the host.'),
    volumes: z
      .array(z.object({ name: z.string(), mount_path: z.string(), read_only: z.boolean() }))
      .describe('Of the team that deploys it.'),
    min_gpu_memory_bytes: Bytes.nullable().describe('Of each card; null: any will do.'),
    command: z.array(z.string()).nullable(),
  })
  .meta({ id: 'Template' })
export type Template = z.infer<typeof Template>

const fields = {
  type: z.enum(['gpu', 'cpu']),
  image: ImageReference,
  ports: z.array(Port).max(64),
  env: Environment.describe('Not for secrets: everybody who may deploy it can read it.'),
  memory_bytes: Bytes.min(16 << 20),
  disk_bytes: Bytes,
  volumes: VolumeRequests,
  min_gpu_memory_bytes: Bytes.nullable(),
  command: Command.nullable().describe('A list is the argument vector; a string runs through `sh -c`.'),
}

export const CreateTemplate = z
  .object({
    name: Name,
    type: fields.type,
    image: fields.image,
    ports: fields.ports.default([]),
    env: fields.env.default({}),
    memory_bytes: fields.memory_bytes.default(4 * 2 ** 30),
    disk_bytes: fields.disk_bytes.default(0),
    volumes: fields.volumes.default([]),
    min_gpu_memory_bytes: fields.min_gpu_memory_bytes.default(null),
    command: fields.command.default(null),
  })
  .meta({ id: 'CreateTemplate' })
export type CreateTemplate = z.infer<typeof CreateTemplate>

export const UpdateTemplate = z.object(fields).partial()
export type UpdateTemplate = z.infer<typeof UpdateTemplate>

const params = z.object({ uuid: Uuid })
const path = '/v1/templates'

export const templates = {
  list: endpoint({
    method: 'GET',
    path,
    summary: "List templates: those of all teams, and the team's own",
    scope: 'read',
    query: PageQuery.extend({
      name: text(255).optional().describe('Exact name, or a part of it in any case.'),
      type: z.enum(['gpu', 'cpu']).optional(),
    }),
    result: json(pageOf(Template)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: `${path}/:uuid`,
    summary: 'Show a template',
    scope: 'read',
    params,
    result: json(Template),
    errors: ['template_not_found'],
  }),
  create: endpoint({
    method: 'POST',
    path,
    summary: 'Make a template of the team',
    scope: 'write',
    idempotency: 'replay',
    body: CreateTemplate,
    result: json(Template, 201),
    errors: ['template_name_taken'],
  }),
  update: endpoint({
    method: 'PATCH',
    path: `${path}/:uuid`,
    summary: "Change a template of the team's own; containers stay as they were deployed",
    scope: 'write',
    params,
    body: UpdateTemplate,
    result: json(Template),
    errors: ['template_not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: `${path}/:uuid`,
    summary: "Delete a template of the team's own; containers stay",
    scope: 'write',
    params,
    result: empty(),
    errors: ['template_not_found'],
  }),
}
