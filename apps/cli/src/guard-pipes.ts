import { reportFailure } from './output/report-failure.ts'
import { followIds } from './route.ts'

/**
 * A reader that has seen enough (`| head`) is no failure; one that wants no messages changes nothing. Everything is
 * done at once: the framework has a listener too, which throws.
 */
export function guardPipes(argv: readonly string[]): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    const own = argv.slice(0, argv.indexOf('--') >>> 0)
    const isExec = followIds.has(argv[0] ?? '')
    const { text, exitCode } = reportFailure(error, { isJson: own.includes('--json'), isExec })
    process.stderr.write(text)
    process.exit(exitCode)
  })
  process.stderr.on('error', () => {})
}
