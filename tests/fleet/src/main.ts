// The fleet bench; `npm run bench:fleet` builds the API and runs this.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fleetHelp, readFleetOptions } from './options.ts'
import { runFleetBench } from './run-bench.ts'
import { describeFigures } from './describe.ts'

const builtApi = fileURLToPath(new URL('../../../apps/api/dist/main.js', import.meta.url))

const options = readFleetOptions(process.argv.slice(2))
if (!options) {
  process.stdout.write(`${fleetHelp}\n`)
} else {
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-fleet-'))
  // The user that the database runs as has to pass.
  await chmod(dir, 0o711)
  const since = performance.now()
  const tell = (line: string): void => {
    process.stderr.write(`${((performance.now() - since) / 1000).toFixed(0).padStart(4)} s  ${line}\n`)
  }
  try {
    const figures = await runFleetBench(options, { dir, apiProgram: builtApi }, tell)
    process.stdout.write(`${describeFigures(figures)}\n`)
    if (options.jsonFile !== undefined) await writeFile(options.jsonFile, JSON.stringify(figures, null, 2))
  } finally {
    if (options.keep) tell(`kept ${dir}`)
    else await rm(dir, { recursive: true, force: true })
  }
}
