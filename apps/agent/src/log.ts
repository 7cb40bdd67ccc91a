import pino, { type Logger } from 'pino'
import type { Config } from './config.ts'

/** JSON lines on stderr: stdout stays free for what a command answers. Written at once: a crash loses nothing. */
export const createLog = ({ logLevel }: Pick<Config, 'logLevel'>): Logger =>
  pino(
    { level: logLevel, serializers: { err: toLoggable }, redact: ['req.headers'] },
    pino.destination({ dest: 2, sync: true }),
  )

/** Causes of the engine's client hold whole requests; the sentences are what helps. */
function toLoggable(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, cause } = error
  const code = (error as { code?: unknown }).code
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    ...(cause instanceof Error && { cause: cause.message }),
    ...(!(cause instanceof Error) && { stack: error.stack }),
  }
}
