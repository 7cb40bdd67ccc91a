import { GpulabError } from '@gpulab/contract'

const away = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ENOENT',
  'EPIPE',
  'CONNECT_TIMEOUT',
  'ANSWER_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: it is a replica now
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53200', // out_of_memory
  '57014', // statement_timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53300', // too_many_connections
  '58030', // io_error
])
const diskFull = '53100'
const uniqueViolation = '23505'

/** drizzle wraps what the driver threw. */
function* causes(error: unknown): Generator<Error & { code?: unknown; constraint_name?: unknown }> {
  for (let at = error; at instanceof Error; at = at.cause) yield at
}

/** What users shall see of a failure of the database's; undefined for what is a mistake of ours. */
export function translateDatabaseError(error: unknown): GpulabError | undefined {
  // The last defence of a card; the transaction that lost has changed nothing.
  if (isDuplicate(error, 'gpu_leases_one_holder')) return new GpulabError('no_capacity', { cause: error })
  for (const { code } of causes(error)) {
    if (code === diskFull) {
      return new GpulabError('database_unavailable', {
        message: "The database's disk is full.",
        hint: 'Its operator has to make room there; then it works again by itself.',
        cause: error,
      })
    }
    if (typeof code === 'string' && away.has(code)) {
      return new GpulabError('database_unavailable', { hint: 'Try again in a moment.', cause: error })
    }
  }
  return undefined
}

/** Whether the database could not take a value (SQLSTATE class 22), whatever else is stored with it. */
export const isBadValue = (error: unknown): boolean =>
  [...causes(error)].some(({ code }) => typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code))

/** Whether the error is a duplicate that this unique index refused. */
export const isDuplicate = (error: unknown, constraint: string): boolean =>
  [...causes(error)].some((cause) => cause.code === uniqueViolation && cause.constraint_name === constraint)
