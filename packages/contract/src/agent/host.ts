import { z } from 'zod'
import { ExecOptions, ExecResult } from '../api/exec.ts'
import { LogLine, LogQuery } from '../api/logs.ts'
import { ContainerStats, StatsQuery } from '../api/stats.ts'
import { endpoint, events, json } from '../endpoint.ts'
import { Timestamp, Uuid } from '../fields.ts'
import { ports } from './ports.ts'
import { sessions } from './sessions.ts'
import { volumeFiles } from './volume-files.ts'

/** What the agent serves, over its uplink and on the host's Unix socket. */
export const host = {
  health: endpoint({
    method: 'GET',
    path: '/health',
    summary: 'Whether agent and engine are well',
    scope: 'host',
    result: json(
      z.object({
        version: z.string(),
        engine: z.object({ available: z.boolean(), message: z.string().nullable() }),
      }),
    ),
    errors: [],
  }),
  orphans: endpoint({
    method: 'GET',
    path: '/orphans',
    summary: 'What the host has of GPULab that the control plane does not know, and when it goes',
    scope: 'host',
    result: json(
      z.object({
        removes: z.boolean().describe('Whether orphans are removed at all, or only told of.'),
        blocked: z.string().nullable().describe('Why nothing can be said or removed now.'),
        orphans: z.array(
          z.object({
            kind: z.enum(['container', 'image', 'network']),
            name: z.string().describe("The engine's."),
            owner: z.string().describe('The uuid of the container, or of the team of a network.'),
            first_seen_at: Timestamp,
            removable_at: Timestamp.nullable().describe(
              'null: it stays, as it is not known that this host has made it.',
            ),
          }),
        ),
      }),
    ),
    errors: [],
  }),
  exec: endpoint({
    method: 'POST',
    path: '/exec-command',
    summary: 'Run a command in a container of this host and return its output',
    scope: 'host',
    body: ExecOptions.extend({ container_uuid: Uuid }),
    result: json(ExecResult),
    errors: [
      'container_not_found',
      'container_not_running',
      'command_failed',
      'engine_unavailable',
      'exec_outcome_unknown',
      'rate_limited',
    ],
  }),
  logs: endpoint({
    method: 'GET',
    path: '/containers/:uuid/logs',
    summary: "Read or follow a container's log",
    scope: 'host',
    params: z.object({ uuid: Uuid }),
    query: LogQuery,
    result: events(LogLine),
    errors: ['container_not_found', 'engine_unavailable'],
  }),
  ports,
  sessions,
  volumeFiles,
  stats: endpoint({
    method: 'GET',
    path: '/containers/:uuid/stats',
    summary: 'Read or follow what a container uses',
    scope: 'host',
    params: z.object({ uuid: Uuid }),
    query: StatsQuery,
    result: events(ContainerStats),
    errors: ['container_not_found', 'container_not_running', 'engine_unavailable'],
  }),
}
