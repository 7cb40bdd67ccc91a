// The fleet bench, of the API's bundle as it is released; `npm run bench:fleet` runs this.
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeFigures } from './describe.ts'
import { fleetHelp, readFleetOptions, type FleetOptions } from './options.ts'
import { runFleetBench } from './run-bench.ts'

const apiFolder = fileURLToPath(new URL('../../../apps/api', import.meta.url))

async function main(options: FleetOptions): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const dir = options.outDir ? resolve(options.outDir) : await mkdtemp(join(tmpdir(), 'gpulab-fleet-'))
  await mkdir(dir, { recursive: true })
  if (!options.outDir) stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  // The user that the database runs as has to pass.
  await chmod(dir, 0o711)
  const bundle = join(dir, 'api')
  await promisify(execFile)(join(apiFolder, 'node_modules/.bin/rolldown'), ['-c', '--dir', bundle], {
    cwd: apiFolder,
  })
  const since = performance.now()
  const tell = (line: string): void => {
    process.stderr.write(`${((performance.now() - since) / 1000).toFixed(0).padStart(4)} s  ${line}\n`)
  }
  const figures = await runFleetBench(options, { dir, apiProgram: join(bundle, 'main.js') }, tell)
  process.stdout.write(`${describeFigures(figures)}\n`)
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, JSON.stringify(figures, null, 2))
}

const options = readFleetOptions(process.argv.slice(2))
if (options) await main(options)
else process.stdout.write(`${fleetHelp}\n`)
