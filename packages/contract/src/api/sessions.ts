import { z } from 'zod'
import { duplex, endpoint, events, json } from '../endpoint.ts'
import { Command, Environment, Flag, Name, pageOf, text, Timestamp, Uuid } from '../fields.ts'

/** So many bytes of input a client may have sent that the session has not acknowledged. */
export const inputWindowBytes = 1 << 20
/** A client that acknowledges output does so at least once for so many bytes. */
export const ackEveryBytes = 64 << 10
/** The most that `wait` may ask for in one request. */
export const sessionWaitMaxSeconds = 300

export const sessionSignals = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGKILL',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGWINCH',
] as const
export const SessionSignal = z.enum(sessionSignals)
export type SessionSignal = z.infer<typeof SessionSignal>

/** Why a session has ended; only `exited` is the program's own doing. */
export const sessionReasons = [
  'exited',
  'killed',
  'timed_out',
  'container_ended',
  'guest_killed',
  'expired',
  'lost',
] as const

const TerminalSize = z.object({ columns: z.int().min(1).max(65_535), rows: z.int().min(1).max(65_535) })

/** Fields of a new session that the public call and the host's call share. */
export const CreateSession = z.object({
  command: Command.optional().describe(
    'A list is the argument vector; a string runs through `sh -c` as one argument. None: the login shell of the container, `sh` where it has none.',
  ),
  env: Environment.default({}),
  workdir: text(4096).optional(),
  user: text(255).optional().describe("By default the container's own."),
  tty: TerminalSize.nullable().default(null).describe('A terminal of this size; then all output is stdout.'),
  stdin: z.boolean().default(false).describe('Whether the program can be sent input; a terminal always can.'),
  timeout: z
    .number()
    .min(1)
    .max(30 * 86_400)
    .nullable()
    .default(null)
    .describe('Seconds; then everything that the session started is killed.'),
  detached: z
    .boolean()
    .default(false)
    .describe(
      'Nobody need attach: output goes to a bounded spool on the host, the oldest of which is dropped. Without it a program without a terminal waits for its reader, as with a pipe.',
    ),
  max_buffer: z
    .int()
    .min(64 << 10)
    .max(4 << 20)
    .default(1 << 20)
    .describe('Bytes of output that are kept in the container for whoever attaches again.'),
})
export type CreateSession = z.infer<typeof CreateSession>

export const Session = z
  .object({
    id: Uuid,
    container_uuid: Uuid,
    command: z.array(z.string()).nullable().describe('The argument vector; null for the login shell.'),
    tty: z.boolean(),
    stdin: z.boolean(),
    detached: z.boolean(),
    user: z.string().nullable().describe("Null for the container's own."),
    state: z.enum(['running', 'ended']),
    started_at: Timestamp,
    ended_at: Timestamp.nullable(),
    exit_code: z
      .int()
      .nullable()
      .describe("The program's own; 124 when it timed out, 128+n when signal n ended it; null if unknown."),
    signal: z.string().nullable(),
    reason: z
      .string()
      .nullable()
      .describe(`Why it has ended, one of ${sessionReasons.join(', ')}; null while it runs.`),
    message: z.string().nullable().describe('Why the program could not be run, as a shell would say it.'),
    first_offset: z.int().describe('Output is kept from here …'),
    end_offset: z.int().describe('… to here, in bytes of all output from the start.'),
    attached: z.boolean(),
    transport: z
      .enum(['guest', 'engine'])
      .describe(
        'engine: through the engine’s exec, since the guest cannot serve it; it ends with the agent.',
      ),
  })
  .meta({ id: 'Session' })
export type Session = z.infer<typeof Session>

/** A run of output, or of output that was dropped. */
export const SessionOutput = z
  .object({
    offset: z.int().describe('Of the first byte.'),
    stream: z.enum(['stdout', 'stderr']).nullable().describe('Null for a gap.'),
    data: z.base64().nullable(),
    gap: z.int().nullable().describe('So many bytes are not kept any more.'),
  })
  .meta({ id: 'SessionOutput' })
export type SessionOutput = z.infer<typeof SessionOutput>

export const SignalSession = z.object({ signal: SessionSignal })
export const GetSessionQuery = z.object({
  wait: z.coerce
    .number()
    .min(0)
    .max(sessionWaitMaxSeconds)
    .default(0)
    .describe('Seconds to wait for its end; it may be running still.'),
})
export const SessionOutputQuery = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(64 << 20)
    .default(1 << 20)
    .describe('Bytes at most.'),
})
export const AttachQuery = z.object({
  offset: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('Where to go on; what is not kept shows as a gap.'),
  acks: Flag.default(false).describe(
    'The client acknowledges output: what it has not acknowledged is kept for the next attachment.',
  ),
})
export type AttachQuery = z.infer<typeof AttachQuery>

/** The first frame of `open`, as a control frame. */
export const OpenSession = z.object({
  type: z.literal('open'),
  session: CreateSession,
  idempotency_key: z
    .string()
    .regex(/^[!-~]{1,255}$/, '1 to 255 visible ASCII characters')
    .optional()
    .describe('As the header of the request that starts one, which then gives the same session.'),
})
export type OpenSession = z.infer<typeof OpenSession>
/** Its answer; frames as of `attach` follow, with `acks`. */
export const SessionOpened = z.object({ type: z.literal('opened'), session: Session })

const shared = [
  'container_not_found',
  'container_not_running',
  'host_unreachable',
  'engine_unavailable',
] as const

const ByContainer = z.object({ uuid: Uuid })
const ById = z.object({ uuid: Uuid, id: Uuid })

export const sessions = {
  create: endpoint({
    method: 'POST',
    path: '/v1/containers/:uuid/sessions',
    summary: 'Start a session: a command, or a shell, that goes on without a connection',
    scope: 'exec',
    rate: 'exec',
    idempotency: 'replay',
    params: ByContainer,
    body: CreateSession,
    result: json(Session, 201),
    errors: [...shared, 'command_failed', 'exec_outcome_unknown', 'rate_limited', 'quota_exceeded'],
  }),
  open: endpoint({
    method: 'GET',
    path: '/v1/containers/:container/sessions/open',
    summary: 'Start a session, which the first frame describes, and attach to it',
    scope: 'exec',
    rate: 'exec',
    params: z.object({ container: Uuid.or(Name).describe('Its uuid, or its name.') }),
    result: duplex(),
    errors: [...shared, 'command_failed', 'exec_outcome_unknown', 'rate_limited', 'quota_exceeded'],
  }),
  list: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/sessions',
    summary: "List a container's sessions, those that have ended lately included",
    scope: 'exec',
    params: ByContainer,
    result: json(pageOf(Session)),
    errors: [...shared],
  }),
  get: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/sessions/:id',
    summary: 'Show a session, or wait for its end',
    scope: 'exec',
    params: ById,
    query: GetSessionQuery,
    result: json(Session),
    errors: [...shared, 'session_not_found'],
  }),
  signal: endpoint({
    method: 'POST',
    path: '/v1/containers/:uuid/sessions/:id/signals',
    summary: "Send a signal to a session's program and its process group",
    scope: 'exec',
    idempotency: 'replay',
    params: ById,
    body: SignalSession,
    result: json(Session),
    errors: [...shared, 'session_not_found', 'session_ended', 'exec_outcome_unknown'],
  }),
  kill: endpoint({
    method: 'DELETE',
    path: '/v1/containers/:uuid/sessions/:id',
    summary: 'Kill everything that a session has started',
    scope: 'exec',
    params: ById,
    result: json(Session),
    errors: [...shared, 'session_not_found'],
  }),
  output: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/sessions/:id/output',
    summary: 'Read the output of a session that is kept now',
    scope: 'exec',
    params: ById,
    query: SessionOutputQuery,
    result: events(SessionOutput),
    errors: [...shared, 'session_not_found', 'session_attached', 'rate_limited'],
  }),
  attach: endpoint({
    method: 'GET',
    path: '/v1/containers/:uuid/sessions/:id/attach',
    summary: 'Attach to a session: output from an offset, input, signals',
    scope: 'exec',
    params: ById,
    query: AttachQuery,
    result: duplex(),
    errors: [...shared, 'session_not_found', 'rate_limited'],
  }),
}
