import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tryCommand } from '@gpulab/images'
import { checkout } from '../checkout.ts'

const folder = join(checkout, 'apps/cli')
const stamp = join(folder, 'dist/.sources')
const sources = ['apps/cli', 'packages/contract', 'packages/transport', 'pnpm-lock.yaml']

/** Builds the CLI unless what is built came from these very sources. Gives whether it built. */
export async function buildCli(): Promise<boolean> {
  const fingerprint = await hashSources()
  if ((await readFile(stamp, 'utf8').catch(() => '')) === fingerprint) return false
  const { scripts } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    scripts: { build: string }
  }
  const bins = [join(folder, 'node_modules/.bin'), join(checkout, 'node_modules/.bin'), process.env['PATH']]
  const { exitCode, stdout, stderr } = await tryCommand(
    'sh',
    ['-c', 'cd "$1" && eval "$2"', 'sh', folder, scripts.build],
    {
      timeoutMs: 120_000,
      env: { ...process.env, PATH: bins.join(':') },
    },
  )
  if (exitCode !== 0)
    throw new Error(`The CLI could not be built; this is what the build said:\n${stdout}${stderr}`)
  await writeFile(stamp, fingerprint)
  return true
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256')
  for (const source of sources) {
    const path = join(checkout, source)
    const files = (await stat(path)).isDirectory() ? await listFiles(path) : [path]
    for (const file of files) hash.update(file.slice(checkout.length)).update(await readFile(file))
  }
  return hash.digest('hex')
}

async function listFiles(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true })
  const kept = entries.filter(({ name }) => name !== 'node_modules' && name !== 'dist')
  const lists = kept.map(async (entry) => {
    const file = join(path, entry.name)
    if (entry.isDirectory()) return listFiles(file)
    return entry.isFile() ? [file] : []
  })
  return (await Promise.all(lists)).flat().toSorted()
}
