import { GpulabError } from '@gpulab/contract'

/** The database could not be had: one sentence that says why, and the next step. */
export function databaseError(message: string, hint: string, cause?: unknown): GpulabError {
  return new GpulabError('database_unavailable', { message, hint, ...(cause !== undefined && { cause }) })
}

export function hasErrorCode(error: unknown, ...codes: string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  )
}
