import { z } from 'zod'
import { endpoint, events } from '../endpoint.ts'
import { Flag, Timestamp, Uuid, text } from '../fields.ts'

/** Lines that may be asked for by their number. */
export const logTailMax = 10_000

/** What the host's log endpoint takes too. */
export const LogQuery = z.object({
  tail: z
    .union([z.literal('all'), z.coerce.number().int().min(0).max(logTailMax)])
    .default(100)
    .describe('Lines from the end, at most 10,000, or `all`. Ignored with `cursor`.'),
  follow: Flag.default(false).describe('Go on until the container ends.'),
  stream: z.enum(['stdout', 'stderr']).optional(),
  since: Timestamp.optional(),
  until: Timestamp.optional(),
  cursor: text(200).optional().describe('Go on after the line that carried it.'),
})
export type LogQuery = z.infer<typeof LogQuery>

export const LogLine = z
  .object({
    ts: z.string().describe('RFC 3339 with nanoseconds, as the engine wrote it.'),
    stream: z.enum(['stdout', 'stderr']),
    line: z.string().describe('Without its newline; `partial` when the newline has not come.'),
    partial: z.boolean().optional(),
    gap: z
      .literal(true)
      .optional()
      .describe('Lines before this one are missing: they were not kept until they were read.'),
    cursor: z.string(),
  })
  .meta({ id: 'LogLine' })
export type LogLine = z.infer<typeof LogLine>

/** A step of the deployment: pull progress, start, or why it failed. */
export const DeployLogLine = z
  .object({ ts: Timestamp, line: z.string(), cursor: z.string() })
  .meta({ id: 'DeployLogLine' })
export type DeployLogLine = z.infer<typeof DeployLogLine>

const ById = z.object({ uuid: Uuid })

export const logs = {
  read: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/logs',
    summary: "Read or follow a container's log",
    scope: 'read',
    params: ById,
    query: LogQuery,
    result: events(LogLine),
    errors: ['container_not_found', 'container_not_running', 'host_unreachable', 'engine_unavailable'],
  }),
  deploy: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/logs/deploy',
    summary: 'Read or follow the deployment log',
    scope: 'read',
    params: ById,
    query: z.object({ follow: Flag.default(false), cursor: text(200).optional() }),
    result: events(DeployLogLine),
    errors: ['container_not_found'],
  }),
}
