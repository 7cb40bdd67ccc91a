import { z } from 'zod'
import { api } from './api/index.ts'
import { ErrorEnvelope } from './errors.ts'

/** What a command prints with `--json`: one document, or a line for each of something. */
export interface CommandOutput {
  readonly kind: 'document' | 'lines'
  readonly schema: z.ZodType
}

const document = (schema: z.ZodType): CommandOutput => ({ kind: 'document', schema })
const lines = (schema: z.ZodType): CommandOutput => ({ kind: 'lines', schema })
/** All pages of a list, as one array. */
const all = (page: z.ZodObject<{ items: z.ZodType }>): CommandOutput => document(page.shape.items)

const container = api.containers.get.result.schema
const session = api.sessions.get.result.schema
const host = api.hosts.get.result.schema
const volume = api.volumes.get.result.schema
const team = api.admin.teams.get.result.schema
const user = api.admin.users.get.result.schema
const account = api.account.get.result.schema
const ports = z.array(z.object({ port: z.int(), mode: z.string(), url: z.string().nullable() }))
const newKey = api.apiKeys.create.result.schema
const revokedKey = document(z.object({ id: z.string(), name: z.string(), revoked: z.literal(true) }))
const identity = { uuid: z.string(), name: z.string() }

/** By the command's id, words joined by ":". Commands that print no JSON are missing. */
export const commandOutputs: Readonly<Record<string, CommandOutput>> = {
  deploy: document(
    container.extend({
      container_id: z.string().describe('As uuid.'),
      adopted: z.boolean().describe('Whether it was there already.'),
    }),
  ),
  ls: all(api.containers.list.result.schema),
  inspect: document(container),
  stop: document(container),
  start: document(container),
  restart: document(container),
  redeploy: document(container),
  rm: document(z.array(z.object({ ...identity, deleted: z.literal(true) }))),
  exec: document(z.union([api.exec.run.result.schema, session.describe('With --detach.')])),
  'sessions:ls': all(api.sessions.list.result.schema),
  'sessions:wait': document(session),
  'sessions:output': lines(api.sessions.output.result.schema),
  'sessions:kill': document(session),
  cp: document(
    z.object({
      target: z.string(),
      bytes: z.int(),
      files: z.int(),
      seconds: z.number(),
      sha256: z.string().nullable().describe('Of one file.'),
      resumed_bytes: z.int().describe('That an earlier copy had brought already.'),
    }),
  ),
  logs: lines(api.logs.read.result.schema),
  stats: document(api.stats.read.result.schema),
  wait: document(
    container.extend({
      for: z.string(),
      log_line: api.logs.read.result.schema.optional().describe('Of a wait for a line.'),
    }),
  ),
  ports: document(ports),
  'port-forward': lines(z.object({ ...identity, port: z.int(), address: z.string(), local_port: z.int() })),
  'ports:set': document(ports),
  'ports:url': document(api.ports.link.result.schema),
  events: lines(api.events.ofTeam.result.schema),
  volumes: all(api.volumes.list.result.schema),
  'volumes:info': document(volume),
  'volumes:create': document(volume),
  'volumes:resize': document(volume),
  'volumes:ls': all(api.volumes.files.list.result.schema),
  'volumes:cp': document(
    z.object({
      target: z.string(),
      bytes: z.int(),
      files: z.int(),
      seconds: z.number(),
      resumed_bytes: z.int().describe('That an earlier copy had brought already.'),
    }),
  ),
  'volumes:rm': document(z.object({ ...identity, deleted: z.literal(true) })),
  templates: all(api.templates.list.result.schema),
  'templates:info': document(api.templates.get.result.schema),
  'templates:create': document(api.templates.create.result.schema),
  'templates:update': document(api.templates.update.result.schema),
  'templates:rm': document(z.object({ ...identity, deleted: z.literal(true) })),
  gpus: all(api.gpus.listTypes.result.schema),
  'gpus:types': all(api.gpus.listTypes.result.schema),
  hosts: all(api.hosts.list.result.schema),
  'hosts:inspect': document(host),
  'hosts:add': document(api.hosts.invite.result.schema),
  'hosts:cordon': document(host),
  'hosts:uncordon': document(host),
  'hosts:drain': document(host),
  'hosts:fence': document(host),
  'hosts:rm': document(z.object({ ...identity, deleted: z.literal(true) })),
  'auth:login': document(account),
  'auth:logout': document(z.object({ logged_out: z.boolean(), config: z.string() })),
  'auth:whoami': document(account),
  'auth:status': document(
    z.object({
      api_url: z.string(),
      api_key: z.string().nullable().describe('Only its beginning.'),
      api_key_source: z.string().nullable(),
      reachable: z.boolean(),
      authenticated: z.boolean(),
      latency_ms: z.int(),
      user: account.shape.user.nullable(),
      team: account.shape.team.nullable(),
      config: z.string(),
    }),
  ),
  account: document(account),
  usage: document(api.account.usage.result.schema),
  'api-keys': all(api.apiKeys.list.result.schema),
  'api-keys:create': document(newKey),
  'api-keys:revoke': revokedKey,
  'admin:users': all(api.admin.users.list.result.schema),
  'admin:users:create': document(user),
  'admin:users:update': document(user),
  'admin:teams': all(api.admin.teams.list.result.schema),
  'admin:teams:create': document(team),
  'admin:teams:update': document(team),
  'admin:keys': all(api.admin.keys.list.result.schema),
  'admin:keys:create': document(newKey),
  'admin:keys:revoke': revokedKey,
  'admin:quotas': all(api.admin.teams.list.result.schema),
  'admin:credits': all(api.admin.credits.list.result.schema),
  'admin:credits:add': document(api.admin.credits.add.result.schema),
  'admin:gpu-types:set-price': document(api.admin.gpuTypes.setPrice.result.schema),
  'admin:audit': all(api.admin.audit.list.result.schema),
  registries: all(api.registries.list.result.schema),
  'registries:login': document(api.registries.login.result.schema),
  'registries:logout': document(z.object({ registry: z.string(), deleted: z.literal(true) })),
  'ssh-keys': all(api.sshKeys.list.result.schema),
  'ssh-keys:add': document(api.sshKeys.add.result.schema),
  'ssh-keys:rm': document(z.object({ ...identity, deleted: z.literal(true) })),
  'config:list': document(
    z.object({
      path: z.string(),
      profile: z.string().nullable(),
      profiles: z.array(z.string()),
      settings: z.record(z.string(), z.object({ value: z.string().nullable(), source: z.string() })),
    }),
  ),
  'config:get': document(z.object({ key: z.string(), value: z.string(), source: z.string() })),
  'config:set': document(z.object({ key: z.string(), value: z.string().nullable() })),
  version: document(
    z.object({
      version: z.string(),
      os: z.string(),
      arch: z.string(),
      node: z.string().describe('Of its runtime.'),
    }),
  ),
}

/** On standard error, of every command that fails. */
export const errorOutput: CommandOutput = document(
  ErrorEnvelope.extend({
    error: ErrorEnvelope.shape.error.extend({ exit_code: z.int(), origin: z.literal('platform') }),
  }),
)

/** As JSON Schema (2020-12). Later versions may add keys. */
export const toJsonSchema = ({ schema }: CommandOutput): object =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })

/** What is wrong with a document: keys that are missing, of another kind, or not in the schema at all. */
export function findMismatch({ schema }: CommandOutput, value: unknown): string | undefined {
  const result = schema.safeParse(value)
  if (!result.success) return z.prettifyError(result.error)
  const [lost] = lostKeys(value, result.data)
  return lost === undefined ? undefined : `${lost} is not in the schema`
}

/** The schemas drop what they do not know. */
function lostKeys(before: unknown, after: unknown, path = ''): string[] {
  if (typeof before !== 'object' || before === null) return []
  const kept = (after ?? {}) as Record<string, unknown>
  return Object.entries(before).flatMap(([key, value]) =>
    key in kept ? lostKeys(value, kept[key], `${path}.${key}`) : [`${path}.${key}`],
  )
}
