import { GpulabError } from '@gpulab/contract'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Mode } from './output/output.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What can be set, for everything or for one control plane. */
export interface Settings {
  readonly api_key?: string
  readonly api_url?: string
  readonly default_output?: Mode
  readonly default_gpu_type?: string
}

/** `config.json`. Keys that this version does not know are kept. */
export interface ProfileFile extends Settings {
  /** The one of `profiles` that is used where none is named. */
  readonly profile?: string
  readonly profiles?: Readonly<Record<string, Settings>>
}

const modes: readonly Mode[] = ['table', 'json', 'quiet']
export const settingKeys = ['api_key', 'api_url', 'default_output', 'default_gpu_type'] as const

/** `$GPULAB_CONFIG`, else XDG's if it exists, else `~/.gpulab/config.json`; and what it holds. */
export async function readProfileFile(env: Environment): Promise<{ path: string; file: ProfileFile }> {
  const home = join(env['HOME'] ?? homedir(), '.gpulab', 'config.json')
  if (env['GPULAB_CONFIG'])
    return { path: env['GPULAB_CONFIG'], file: (await read(env['GPULAB_CONFIG'])) ?? {} }
  if (env['XDG_CONFIG_HOME']) {
    const path = join(env['XDG_CONFIG_HOME'], 'gpulab', 'config.json')
    const file = await read(path)
    if (file) return { path, file }
  }
  return { path: home, file: (await read(home)) ?? {} }
}

async function read(path: string): Promise<ProfileFile | undefined> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw invalid(`The configuration file ${path} cannot be read: ${(cause as Error).message}.`, path, cause)
  }
  return check(parse(text, path), path)
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser's own message quotes the file, which holds the key.
    throw invalid(`The configuration file ${path} is not valid JSON.`, path, cause)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function check(value: unknown, path: string): ProfileFile {
  if (!isObject(value)) throw invalid(`The configuration file ${path} does not hold a JSON object.`, path)
  const { profile, profiles = {} } = value
  if (profile !== undefined && typeof profile !== 'string')
    throw invalid(`"profile" in the configuration file ${path} is not a string.`, path)
  if (!isObject(profiles) || !Object.values(profiles).every(isObject))
    throw invalid(`"profiles" in the configuration file ${path} does not hold objects.`, path)
  for (const settings of [value, ...(Object.values(profiles) as Record<string, unknown>[])])
    checkSettings(settings, path)
  return value
}

function checkSettings(file: Readonly<Record<string, unknown>>, path: string): void {
  const wrong = settingKeys.find((key) => file[key] !== undefined && typeof file[key] !== 'string')
  if (wrong) throw invalid(`"${wrong}" in the configuration file ${path} is not a string.`, path)
  if (file['default_output'] !== undefined && !modes.includes(file['default_output'] as Mode)) {
    throw invalid(
      `"default_output" in the configuration file ${path} is not one of ${modes.join(', ')}.`,
      path,
    )
  }
}

/** The file with other settings, of that profile or of none; `undefined` takes one away. */
export function changeSettings(
  file: ProfileFile,
  profile: string | undefined,
  changes: Readonly<Record<string, string | undefined>>,
): ProfileFile {
  const apply = (settings: object): Settings =>
    Object.fromEntries(Object.entries({ ...settings, ...changes }).filter(([, value]) => value !== undefined))
  if (profile === undefined) return apply(file)
  return { ...file, profiles: { ...file.profiles, [profile]: apply(file.profiles?.[profile] ?? {}) } }
}

const invalid = (message: string, path: string, cause?: unknown): GpulabError =>
  new GpulabError('config_invalid', {
    message,
    hint: `Mend ${path}, or delete it and run gpulab auth login.`,
    cause,
  })

/** Replaces the file as a whole, readable by its owner only. A link to a file elsewhere stays a link. */
export async function writeProfileFile(path: string, file: ProfileFile): Promise<void> {
  const { mkdir, realpath, rename, rm } = process.getBuiltinModule('node:fs/promises')
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const target = await realpath(path).catch(() => path)
    const temporary = `${target}.${process.pid}.tmp`
    try {
      await writeDurably(temporary, `${JSON.stringify(file, null, 2)}\n`)
      await rename(temporary, target)
    } finally {
      await rm(temporary, { force: true })
    }
  } catch (cause) {
    throw new GpulabError('config_invalid', {
      message: `The configuration file ${path} cannot be written: ${(cause as Error).message}.`,
      hint: 'Set GPULAB_CONFIG to a path that you may write, or give the key in GPULAB_API_KEY.',
      cause,
    })
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  await using handle = await process.getBuiltinModule('node:fs/promises').open(path, 'wx', 0o600)
  await handle.writeFile(text)
  await handle.sync()
}
