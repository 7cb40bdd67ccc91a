import { z } from 'zod'
import { HostCheck } from '../agent/report.ts'
import { endpoint, empty, events, json } from '../endpoint.ts'
import { Bytes, HostName, PageQuery, pageOf, text, Timestamp, Uuid } from '../fields.ts'

/** What a host shows of itself and of what it may be given. */
export const hostStates = ['joined', 'active', 'cordoned', 'draining', 'unreachable', 'fenced'] as const

export const Host = z
  .object({
    uuid: Uuid,
    name: z.string(),
    state: z.string().describe(`One of ${hostStates.join(', ')}.`),
    state_reason: z.string().nullable().describe('Why, and what to do, where that is not plain.'),
    since: Timestamp.nullable(),
    last_seen_at: Timestamp.nullable(),
    agent_version: z.string().nullable(),
    engine: z.object({
      available: z.boolean(),
      version: z.string().nullable(),
      message: z.string().nullable(),
    }),
    cpus: z.number(),
    cpus_requested: z.number().describe('By containers that may run.'),
    memory_bytes: Bytes,
    memory_requested_bytes: Bytes,
    disk_bytes: Bytes,
    disk_requested_bytes: Bytes,
    gpus: z.array(
      z.object({
        uuid: z.string(),
        index: z.int(),
        name: z.string(),
        memory_bytes: Bytes,
        simulated: z.boolean(),
        present: z.boolean().describe('false: the host does not list it any more.'),
        container: Uuid.nullable().describe('Who holds it.'),
      }),
    ),
    containers: z.array(
      z.object({
        uuid: Uuid,
        name: z.string(),
        team: z.string(),
        status: z.string(),
        gpus: z.int(),
        at_rest: z.boolean().describe('It does not run there, and the host has proven it.'),
      }),
    ),
    checks: z.array(HostCheck.extend({ message: z.string() }).meta({ id: 'HostCheckResult' })),
    foreign_containers: z
      .array(z.object({ uuid: Uuid, state: z.string() }))
      .describe('Containers with our label that were not placed on it; the host removes them after a while.'),
  })
  .meta({ id: 'Host' })
export type Host = z.infer<typeof Host>

/** A line of the list: a host without its long parts. */
export const HostSummary = Host.omit({ gpus: true, containers: true, checks: true, foreign_containers: true })
  .extend({
    gpus_total: z.int(),
    gpus_free: z.int(),
    gpu_types: z.array(z.string()),
    gpu_counts: z.record(z.string(), z.int()).describe('Of each type.'),
    simulated: z.boolean().describe('Whether any of its GPUs is simulated.'),
    containers_count: z.int(),
    problems: z.int().describe('Checks that are not well.'),
  })
  .meta({ id: 'HostSummary' })
export type HostSummary = z.infer<typeof HostSummary>

/** How many of a host's events are shown. */
const hostEventsMax = 100

export const HostEvent = z
  .object({
    at: Timestamp,
    type: z
      .string()
      .describe(
        'What happened, as `joined`, `fenced`, `silent`, `foreign_containers` or `gpu_mismatch`; more may come.',
      ),
    message: z.string(),
  })
  .meta({ id: 'HostEvent' })
export type HostEvent = z.infer<typeof HostEvent>

export const JoinToken = z
  .object({
    token: z.string().describe('Shown only now.'),
    host_name: z.string().nullable().describe('The only name that it may be used for; null for any.'),
    uses: z.int(),
    expires_at: Timestamp,
  })
  .meta({ id: 'JoinToken' })
export type JoinToken = z.infer<typeof JoinToken>

const ById = z.object({ uuid: Uuid })
const base = '/v1/hosts'

const action = <P extends `/${string}`>(path: P, summary: string) =>
  endpoint({
    method: 'POST',
    path,
    summary,
    scope: 'admin',
    idempotency: 'replay',
    params: ById,
    result: json(Host),
    errors: ['host_not_found', 'host_wrong_state'],
  })

export const hosts = {
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List GPU hosts by name',
    scope: 'admin',
    query: PageQuery.extend({ name: text(253).optional().describe('Exact name.') }),
    result: json(pageOf(HostSummary)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: `${base}/:uuid`,
    summary: 'Show a GPU host',
    scope: 'admin',
    params: ById,
    result: json(Host),
    errors: ['host_not_found'],
  }),
  events: endpoint({
    method: 'GET',
    path: `${base}/:uuid/events`,
    summary: `Show what happened to a GPU host: the newest ${hostEventsMax} events of 30 days, the newest first`,
    scope: 'admin',
    params: ById,
    result: json(z.object({ items: z.array(HostEvent).max(hostEventsMax) })),
    errors: ['host_not_found'],
  }),
  watch: endpoint({
    method: 'GET',
    path: `${base}/:uuid/watch`,
    summary:
      'Watch a GPU host: as it is now, and again whenever its state changes, something on it comes to rest, or 10 seconds have passed; ends when it is removed',
    scope: 'admin',
    params: ById,
    result: events(Host),
    errors: ['host_not_found'],
  }),
  invite: endpoint({
    method: 'POST',
    path: '/v1/join-tokens',
    summary: 'Make a token with which a machine may join as a host',
    scope: 'admin',
    idempotency: 'once',
    body: z.object({
      host_name: HostName.optional().describe('The only name that it may be used for.'),
      ttl: z
        .int()
        .min(60, 'at least a minute')
        .max(86_400, 'at most 24 hours')
        .default(3600)
        .describe('Seconds.'),
      uses: z.int().min(1).max(1000).default(1).describe('How many machines may join with it.'),
    }),
    result: json(JoinToken, 201),
    errors: [],
  }),
  cordon: action(`${base}/:uuid/cordon`, 'Place no more containers on a host'),
  uncordon: action(`${base}/:uuid/uncordon`, 'Place containers on a host again'),
  drain: action(`${base}/:uuid/drain`, 'Place no more containers on a host and stop those that run'),
  fence: action(
    `${base}/:uuid/fence`,
    'Declare a silent host dead: its containers fail and their GPU leases end',
  ),
  remove: endpoint({
    method: 'DELETE',
    path: `${base}/:uuid`,
    summary: 'Forget a host without containers; its agent must join again',
    scope: 'admin',
    params: ById,
    result: empty(),
    errors: ['host_not_found', 'host_in_use'],
  }),
}
