import { GpulabError } from '@gpulab/contract'
import { Config } from '@oclif/core/config'
import { commandIds, commands } from './commands.ts'
import { guardPipes } from './guard-pipes.ts'
import { reportFailure } from './output/report-failure.ts'
import { guessMode } from './profile.ts'
import { execIds, findRoute, type Route } from './route.ts'
import { suggestCommand } from './suggest.ts'
import { getVersion } from './version.ts'

/** Runs one command line; what fails is reported, and told by `process.exitCode`. */
export async function run(argv: readonly string[]): Promise<void> {
  guardPipes(argv)
  try {
    await follow(
      findRoute(argv, {
        commandIds: new Set(commandIds.keys()),
        isExec: (id) => execIds.has(commandIds.get(id) ?? ''),
      }),
    )
  } catch (error) {
    const isJson = (await guessMode(argv, process.env)) === 'json'
    const { text, exitCode } = reportFailure(error, { isJson, isExec: false })
    process.stderr.write(text)
    process.exitCode = exitCode
  }
}

async function follow(route: Route): Promise<void> {
  switch (route.kind) {
    case 'unknown':
      throw unknownCommand(route.words)
    case 'version':
      return runCommand('version', route.argv)
    case 'help': {
      const { showHelp } = await import('./help/show-help.ts')
      return showHelp(route.id, await loadConfig())
    }
    case 'command':
      return runCommand(commandIds.get(route.id) ?? route.id, route.argv)
  }
}

async function runCommand(id: string, argv: string[]): Promise<void> {
  const entry = commands[id]
  if (!entry) throw unknownCommand(id.split(':'))
  const [{ default: CommandClass }, config] = await Promise.all([entry.load(), loadConfig()])
  CommandClass.id = id
  await CommandClass.run(argv, config)
}

/** Commands come from our own table, so the framework has none to look for on disk. */
async function loadConfig(): Promise<Config> {
  process.env['GPULAB_DISABLE_THEME'] ??= '1'
  const { version } = getVersion()
  const pjson = {
    name: 'gpulab',
    version,
    oclif: { bin: 'gpulab', dirname: 'gpulab', topicSeparator: ' ' },
  } as const
  return Config.load({ root: import.meta.dirname, pjson, ignoreManifest: true })
}

function unknownCommand(words: readonly string[]): GpulabError {
  const names = [...commandIds.keys()].map((id) => id.replaceAll(':', ' '))
  const near = suggestCommand(words, names)
  return new GpulabError('invalid_request', {
    message: `There is no command "${words.join(' ')}".`,
    hint: near ? `Did you mean gpulab ${near}?` : 'Run gpulab help to see all commands.',
  })
}
