import pino, { type Logger } from 'pino'
import type { Config } from './config.ts'

/** From here on a line is written before anything else is done. */
const urgentLevel = 40

/** JSON lines on stdout: those of one turn of the event loop in one write, which takes longer than to make them. */
export function createLog(
  { logLevel }: Pick<Config, 'logLevel'>,
  destination: Pick<NodeJS.WritableStream, 'write'> = pino.destination({ dest: 1, sync: true }),
): Logger {
  let lines = ''
  const flush = (): void => {
    const text = lines
    lines = ''
    if (text !== '') destination.write(text)
  }
  const stream = {
    [pino.symbols.needsMetadataGsym]: true as const,
    // Pino sets it.
    lastLevel: 0,
    write: (line: string): void => {
      if (lines === '') setImmediate(flush)
      lines += line
      if (stream.lastLevel >= urgentLevel) flush()
    },
  }
  process.once('exit', flush)
  return pino(
    { level: logLevel, redact: ['req.headers["api-key"]', 'req.headers.authorization'] },
    stream as pino.DestinationStream,
  )
}
