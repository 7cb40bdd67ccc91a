import { z } from 'zod'

interface ErrorRow {
  readonly status: number
  readonly exitCode: number
  readonly retryable: boolean
  /** The sentence a user sees when the thrower has nothing more exact to say. */
  readonly title: string
}

const row = (status: number, exitCode: number, title: string, retryable = false): ErrorRow => ({
  status,
  exitCode,
  retryable,
  title,
})

/**
 * Every failure that crosses a boundary: its HTTP status, the CLI's exit code, whether trying the same again may
 * help, and its default sentence. Codes are part of the stable surface: once released, rows are only ever added.
 */
export const errorTable = {
  invalid_request: row(400, 2, 'The request is not valid.'),
  api_key_missing: row(401, 4, 'No API key was given.'),
  api_key_invalid: row(401, 4, 'The API key is not valid.'),
  join_token_invalid: row(401, 4, 'The join token is not valid.'),
  host_proof_invalid: row(401, 4, 'The host could not prove who it is.'),
  host_session_invalid: row(401, 4, "The host's session has ended.", true),
  gateway_key_invalid: row(401, 4, 'The key of the gateway is not valid.'),
  port_private: row(401, 4, 'This port is private.'),
  terminal_ticket_invalid: row(401, 4, 'The ticket of the terminal is used up or not valid.'),
  origin_refused: row(403, 4, 'Another site may not connect here.'),
  scope_missing: row(403, 4, 'The API key may not do this.'),
  role_missing: row(403, 4, 'You may not do this in your team.'),
  route_not_found: row(404, 3, 'There is no such endpoint.'),
  container_not_found: row(404, 3, 'There is no such container.'),
  port_not_found: row(404, 3, 'The container has no such port.'),
  session_not_found: row(404, 3, 'There is no such session.'),
  template_not_found: row(404, 3, 'There is no such template.'),
  gpu_type_not_found: row(404, 3, 'There is no such GPU type.'),
  host_not_found: row(404, 3, 'There is no such host.'),
  registry_login_not_found: row(404, 3, 'The team is not logged in to this registry.'),
  ssh_key_not_found: row(404, 3, 'There is no such SSH key.'),
  api_key_not_found: row(404, 3, 'There is no such API key.'),
  user_not_found: row(404, 3, 'There is no such user.'),
  team_not_found: row(404, 3, 'There is no such team.'),
  ssh_key_exists: row(409, 5, 'This SSH key, or its name, is there already.'),
  ssh_key_invalid: row(400, 2, 'This is not an SSH key that can be used.'),
  user_exists: row(409, 5, 'There is a user of that address already.'),
  template_name_taken: row(409, 5, 'A template of that name exists already.'),
  team_name_taken: row(409, 5, 'A team of that name exists already.'),
  volume_not_found: row(404, 3, 'There is no such volume.'),
  volume_name_taken: row(409, 5, 'A volume of that name exists already.'),
  volume_in_use: row(409, 5, 'Containers have the volume.'),
  volume_wrong_state: row(409, 5, 'The volume is in the wrong state for this.'),
  volume_too_small: row(409, 5, 'The volume holds more than that.'),
  volumes_apart: row(409, 5, 'The volumes are on different hosts.'),
  volume_unavailable: row(503, 7, 'The volume does not answer.', true),
  no_space: row(409, 6, 'No host has so much disk space free.'),
  container_name_taken: row(409, 5, 'A container of that name exists already.'),
  container_not_running: row(409, 5, 'The container is not running.'),
  container_wrong_state: row(409, 5, 'The container is in the wrong state for this.'),
  path_not_found: row(404, 3, 'There is no such file or folder.'),
  path_not_allowed: row(403, 4, 'This file or folder may not be read or written.'),
  precondition_failed: row(412, 5, 'The file is not as it was expected to be.'),
  range_invalid: row(416, 2, 'The file has nothing at that range.'),
  path_conflict: row(409, 5, 'Something else has this name.'),
  file_changed: row(409, 5, 'The file was written to while it was copied.'),
  copy_in_progress: row(409, 5, 'Another copy of the same file is going on.'),
  space_exhausted: row(507, 6, 'There is no space left.'),
  archive_unsafe: row(422, 1, 'The archive has an entry that is not safe to unpack.'),
  copy_failed: row(502, 1, 'The copy failed.'),
  session_ended: row(409, 5, 'The session has ended.'),
  session_attached: row(409, 5, 'A client is attached to the session.'),
  session_taken_over: row(409, 5, 'Another client has attached to the session.'),
  session_interrupted: row(503, 7, 'The session cannot be reached just now; attach again.', true),
  boot_replaced: row(409, 5, 'Another agent has taken over this host.'),
  hello_missing: row(409, 5, 'The host has not said hello.', true),
  report_needed: row(409, 5, 'A whole report is needed.', true),
  host_name_taken: row(409, 5, 'A host of that name exists already.'),
  host_wrong_state: row(409, 5, 'The host is in the wrong state for this.'),
  host_in_use: row(409, 5, 'There are still containers on the host.'),
  idempotency_key_reused: row(409, 5, 'This idempotency key was used for another request.'),
  idempotency_replayed: row(409, 5, 'This request was carried out already, and its answer is not kept.'),
  quota_exceeded: row(409, 6, 'The quota of your team is used up.'),
  balance_exhausted: row(402, 6, 'The balance of your team is used up.'),
  no_capacity: row(409, 6, 'No host has room for this container.', true),
  body_too_large: row(413, 2, 'The request body is too large.'),
  media_type_unsupported: row(415, 2, 'The request body has the wrong media type.'),
  rate_limited: row(429, 7, 'Too many requests.', true),
  internal: row(500, 7, 'Something went wrong inside GPULab.'),
  not_available: row(501, 1, 'This is not available on this installation.'),
  port_closed: row(502, 1, 'Nothing in the container answers on that port.', true),
  port_answer_invalid: row(502, 1, 'What listens on that port gave an answer that is none.'),
  port_answer_timeout: row(504, 7, 'What listens on that port does not answer.', true),
  output_truncated: row(502, 1, 'The output is longer than can be kept.'),
  command_failed: row(502, 1, 'The command could not be run.'),
  host_unreachable: row(503, 7, 'The host of the container does not answer.', true),
  engine_unavailable: row(503, 7, 'The Docker Engine of the host does not answer.', true),
  database_unavailable: row(503, 7, 'The database does not answer.', true),
  exec_outcome_unknown: row(503, 7, 'The connection to the host was lost while the command ran.'),
  api_unreachable: row(503, 7, 'The GPULab API does not answer.', true),
  outcome_unknown: row(503, 7, 'The connection was cut before the answer came; it may have been done.'),
  answer_invalid: row(502, 7, 'The server gave an answer that this version does not understand.'),
  container_failed: row(500, 1, 'The container failed.'),
  wait_timeout: row(504, 124, 'The wait timed out.', true),
  reference_ambiguous: row(409, 2, 'More than one object matches.'),
  input_required: row(400, 2, 'More input is needed, and there is no terminal to ask on.'),
  config_invalid: row(400, 2, 'The configuration file is not valid.'),
  insecure_url: row(400, 2, 'Refusing to send credentials over plain http.'),
  interrupted: row(499, 130, 'Interrupted.'),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code)

export interface ErrorOptions {
  /** A whole sentence that is more exact than the table's. */
  readonly message?: string
  /** The user's next step. */
  readonly hint?: string
  readonly details?: Record<string, unknown>
  readonly requestId?: string
  /** For logs; never leaves the process. */
  readonly cause?: unknown
}

/** A failure with a code of the table; the only error class that users see. */
export class GpulabError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Record<string, unknown> | undefined
  readonly requestId: string | undefined

  constructor(code: ErrorCode, { message, hint, details, requestId, cause }: ErrorOptions = {}) {
    super(message ?? errorTable[code].title, { cause })
    this.name = 'GpulabError'
    this.code = code
    this.hint = hint
    this.details = details
    this.requestId = requestId
  }

  get status(): number {
    return errorTable[this.code].status
  }

  get exitCode(): number {
    return errorTable[this.code].exitCode
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable
  }

  toEnvelope(requestId: string | undefined = this.requestId): ErrorEnvelope {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.hint !== undefined && { hint: this.hint }),
        ...(this.details && { details: this.details }),
        retryable: this.retryable,
        ...(requestId !== undefined && { request_id: requestId }),
      },
    }
  }
}

/** The next step after `outcome_unknown`. */
export const lookFirst = 'Look with gpulab ls or gpulab inspect before you try again.'

/** The body of every answer that is not a success. */
export const ErrorEnvelope = z
  .object({
    error: z.object({
      code: z.string().describe('One of the documented codes; new ones may be added.'),
      message: z.string().describe('One sentence for people.'),
      hint: z.string().optional().describe('The next step.'),
      details: z.record(z.string(), z.unknown()).optional(),
      retryable: z.boolean().describe('Whether the same request may succeed later.'),
      request_id: z.string().optional(),
    }),
  })
  .meta({ id: 'Error' })
export type ErrorEnvelope = z.infer<typeof ErrorEnvelope>

/** Whether a request that may have arrived can be sent again without doing something twice. */
export const isRepeatable = (method: string): boolean => ['GET', 'HEAD', 'DELETE'].includes(method)

/**
 * Reads an error envelope; a body that is none (a proxy's page) becomes the closest code to its HTTP status. Such a
 * page does not say whether the request got through, so what it means depends on the request's method.
 */
export function toGpulabError(status: number, payload: unknown, method = 'GET'): GpulabError {
  const parsed = ErrorEnvelope.safeParse(payload)
  if (!parsed.success) {
    const message = `The server answered ${status} without saying why.`
    if (status >= 500 && !isRepeatable(method))
      return new GpulabError('outcome_unknown', { message, hint: lookFirst })
    return new GpulabError(status >= 500 ? 'api_unreachable' : 'answer_invalid', {
      message,
      hint: 'Check the API URL: something else may be answering there.',
    })
  }
  const { code, message, hint, details, request_id: requestId } = parsed.data.error
  return new GpulabError(isErrorCode(code) ? code : codeOfStatus(status), {
    message,
    ...(hint !== undefined && { hint }),
    ...(details && { details }),
    ...(requestId !== undefined && { requestId }),
  })
}

/** A code that this version does not know keeps its message; its class is told by the HTTP status. */
function codeOfStatus(status: number): ErrorCode {
  if (status >= 500) return 'internal'
  if (status === 401) return 'api_key_invalid'
  if (status === 403) return 'scope_missing'
  if (status === 404) return 'route_not_found'
  if (status === 409) return 'container_wrong_state'
  return status === 429 ? 'rate_limited' : 'invalid_request'
}
