import { z } from 'zod'
import {
  AttachQuery,
  CreateSession,
  GetSessionQuery,
  Session,
  SessionOutput,
  SessionOutputQuery,
  SignalSession,
} from '../api/sessions.ts'
import { duplex, endpoint, events, json } from '../endpoint.ts'
import { pageOf, Uuid } from '../fields.ts'

const CreateHostSession = CreateSession.extend({
  id: Uuid.describe('Chosen by the caller, so that nothing starts twice.'),
})
/** The first frame of `open`; the answer is as of the public call. */
export const OpenHostSession = z.object({ type: z.literal('open'), session: CreateHostSession })
export type OpenHostSession = z.infer<typeof OpenHostSession>

const ByContainer = z.object({ uuid: Uuid })
const ById = z.object({ uuid: Uuid, id: Uuid })
const shared = ['container_not_found', 'container_not_running', 'engine_unavailable'] as const

/** As the public calls, which say what the fields mean; the same frames on the attached stream. */
export const sessions = {
  create: endpoint({
    method: 'POST',
    path: '/containers/:uuid/sessions',
    summary: 'Start a session; one that is there already is given as it is',
    scope: 'host',
    params: ByContainer,
    body: CreateHostSession,
    result: json(Session, 201),
    errors: [...shared, 'command_failed', 'exec_outcome_unknown', 'rate_limited'],
  }),
  open: endpoint({
    method: 'GET',
    path: '/containers/:uuid/sessions/open',
    summary: 'Start a session, which the first frame describes, and attach to it',
    scope: 'host',
    params: ByContainer,
    result: duplex(),
    errors: [...shared, 'command_failed', 'exec_outcome_unknown', 'rate_limited'],
  }),
  list: endpoint({
    method: 'GET',
    path: '/containers/:uuid/sessions',
    summary: "List a container's sessions, those that have ended lately included",
    scope: 'host',
    params: ByContainer,
    result: json(pageOf(Session)),
    errors: [...shared],
  }),
  get: endpoint({
    method: 'GET',
    path: '/containers/:uuid/sessions/:id',
    summary: 'Show a session, or wait for its end',
    scope: 'host',
    params: ById,
    query: GetSessionQuery,
    result: json(Session),
    errors: ['session_not_found'],
  }),
  signal: endpoint({
    method: 'POST',
    path: '/containers/:uuid/sessions/:id/signals',
    summary: "Send a signal to a session's program and its process group",
    scope: 'host',
    params: ById,
    body: SignalSession,
    result: json(Session),
    errors: ['session_not_found', 'session_ended', 'exec_outcome_unknown'],
  }),
  kill: endpoint({
    method: 'DELETE',
    path: '/containers/:uuid/sessions/:id',
    summary: 'Kill everything that a session has started',
    scope: 'host',
    params: ById,
    result: json(Session),
    errors: ['session_not_found'],
  }),
  output: endpoint({
    method: 'GET',
    path: '/containers/:uuid/sessions/:id/output',
    summary: 'Read the output of a session that is kept now',
    scope: 'host',
    params: ById,
    query: SessionOutputQuery,
    result: events(SessionOutput),
    errors: ['session_not_found', 'session_attached', 'rate_limited'],
  }),
  attach: endpoint({
    method: 'GET',
    path: '/containers/:uuid/sessions/:id/attach',
    summary: 'Attach to a session: output from an offset, input, signals',
    scope: 'host',
    params: ById,
    query: AttachQuery,
    result: duplex(),
    errors: ['session_not_found', 'rate_limited'],
  }),
}
