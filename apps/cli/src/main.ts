import { mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseHot } from './hot/parse-hot.ts'

const nodeMajorMin = 24
const startMs = 150
const argv = process.argv.slice(2)

if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
  process.stderr.write(`gpulab: Node ${nodeMajorMin} or newer is needed; this is ${process.version}.\n`)
  process.exitCode = 1
} else void start()

async function start(): Promise<void> {
  // An executable has its compiled code in itself.
  if (process.versions['bun']) compileLater()
  else keepCompiledCode()
  if (process.env['GPULAB_COMPLETE']) {
    const { complete } = await import('./completion/complete.ts')
    return complete(argv.slice(1))
  }
  const hot = process.env['GPULAB_FRAMEWORK'] ? undefined : parseHot(argv)
  if (hot) {
    const { runHot } = await import('./hot/run-hot.ts')
    return runHot(hot, argv)
  }
  // The runtime's own warnings are not for users, and standard error may have to be JSON alone.
  process.emitWarning = () => {}
  // Keeps the framework from loading a package that only checks its own Node version.
  process.env['OCLIF_DISABLE_ENGINE_WARNING'] = '1'
  const { run } = await import('./run.ts')
  return run(argv)
}

/** An executable begins without compiling what it runs: most of it is run once. */
function compileLater(): void {
  const { Bun: bun } = globalThis as unknown as {
    readonly Bun: { readonly unsafe: { setJITPolicy(scale: number): void } }
  }
  setTimeout(() => bun.unsafe.setJITPolicy(1), startMs).unref()
}

/** In a directory of the user's own: code that is read from a shared one could be anybody's. */
function keepCompiledCode(): void {
  const directory = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'gpulab', 'code')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    enableCompileCache(directory)
  } catch {
    // Without it the start takes a little longer.
  }
}
