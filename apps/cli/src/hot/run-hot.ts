import { createContext } from '../context.ts'
import { reportFailure } from '../output/report-failure.ts'
import { guessMode } from '../profile.ts'
import { execIds } from '../route.ts'
import { showVersion } from '../version.ts'
import { descriptors } from './descriptors.ts'
import type { Hot } from './parse-hot.ts'

/** The same use cases as behind the framework, without the time that it takes to start. */
export async function runHot(hot: Hot, argv: readonly string[]): Promise<void> {
  try {
    await run(hot)
  } catch (error) {
    const isJson = (await guessMode(argv, process.env)) === 'json'
    const { text, exitCode } = reportFailure(error, { isJson, isExec: execIds.has(hot.id) })
    descriptors.stderr.write(text)
    process.exitCode = exitCode
  }
}

async function run(hot: Hot): Promise<void> {
  switch (hot.id) {
    case 'version':
      return showVersion(await createContext(hot.flags, { streams: descriptors }))
    case 'ls': {
      const [{ listContainers }, { withHotApi }] = await Promise.all([
        import('../containers/list.ts'),
        import('./with-hot-api.ts'),
      ])
      return listContainers(withHotApi(await createContext(hot.flags, { streams: descriptors })), hot.status)
    }
    case 'exec':
    case 'ssh': {
      const { runHotExec } = await import('./run-hot-exec.ts')
      return runHotExec(hot)
    }
  }
}
