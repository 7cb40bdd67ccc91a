import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { Command, Environment, text, Uuid } from '../fields.ts'

/** The most that is kept of each stream. */
export const outputMaxBytes = 4 << 20

/** Fields of a command that the public call and the host's call share. */
export const ExecOptions = z.object({
  command: Command.describe('A list is the argument vector; a string runs through `sh -c` as one argument.'),
  timeout: z
    .number()
    .min(1)
    .max(300)
    .default(30)
    .describe('Seconds. What was captured until then is returned.'),
  env: Environment.default({}),
  workdir: text(4096).optional(),
  user: text(255).optional(),
  max_output: z
    .int()
    .min(0)
    .max(outputMaxBytes)
    .default(1 << 20)
    .describe('Bytes kept of each stream.'),
})
export type ExecOptions = z.infer<typeof ExecOptions>

export const ExecResult = z
  .object({
    id: Uuid,
    stdout: z.string(),
    stderr: z.string(),
    exit_code: z.int().describe("The command's own; 124 when it timed out, 128+n when signal n ended it."),
    signal: z.string().nullable(),
    timed_out: z.boolean(),
    stdout_truncated: z.boolean(),
    stderr_truncated: z.boolean(),
    stdout_encoding: z.enum(['utf-8', 'base64']).describe('base64 where the bytes are not UTF-8.'),
    stderr_encoding: z.enum(['utf-8', 'base64']),
    duration_ms: z.int(),
    origin: z.literal('command'),
  })
  .meta({ id: 'ExecResult' })
export type ExecResult = z.infer<typeof ExecResult>

export const exec = {
  run: endpoint({
    method: 'POST',
    path: '/v1/containers/:uuid/exec',
    summary: 'Run a command in a running container and return its output',
    scope: 'exec',
    rate: 'exec',
    idempotency: 'once',
    params: z.object({ uuid: Uuid }),
    body: ExecOptions,
    result: json(ExecResult),
    errors: [
      'container_not_found',
      'container_not_running',
      'command_failed',
      'host_unreachable',
      'engine_unavailable',
      'exec_outcome_unknown',
      'rate_limited',
    ],
  }),
}
