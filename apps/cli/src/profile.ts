import { GpulabError } from '@gpulab/contract'
import type { Mode } from './output/output.ts'
import { parseDuration } from './output/duration.ts'
import { type ProfileFile, readProfileFile, type Settings } from './profile-file.ts'

const defaultApiUrl = 'https://gpulab.ai/api'

/** Where a setting came from; the first one wins. */
export type Source = 'flag' | 'environment' | 'file' | 'default'

export interface ProfileFlags {
  readonly 'api-key'?: string | undefined
  readonly 'api-url'?: string | undefined
  readonly timeout?: string | undefined
  readonly insecure?: boolean | undefined
  readonly debug?: boolean | undefined
  readonly json?: boolean | undefined
  readonly quiet?: boolean | undefined
  readonly profile?: string | undefined
}

export interface Profile {
  readonly path: string
  /** Of the file's profiles; undefined: the settings outside of them. */
  readonly name: string | undefined
  /** Whether there is one of that name. */
  readonly isKnown: boolean
  /** As it is on disk; what `auth login` and `logout` change. */
  readonly file: ProfileFile
  readonly apiKey: string | undefined
  readonly apiKeySource: Source | undefined
  readonly apiUrl: string
  readonly apiUrlSource: Source
  /** Of one HTTP request; undefined: each call's own. */
  readonly timeoutMs: number | undefined
  readonly isInsecure: boolean
  readonly isDebug: boolean
  readonly mode: Mode
  readonly defaultGpuType: string | undefined
}

/** Merges flags, environment and file, in this order of weight. */
export async function loadProfile(
  flags: ProfileFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Profile> {
  const { path, file } = await readProfileFile(env)
  const name = flags.profile || env['GPULAB_PROFILE'] || file.profile
  const stored = name === undefined ? file : settingsOf(file, name)
  // Who names a profile means its key and its API, whatever the environment has.
  const variables = flags.profile ? { ...env, GPULAB_API_KEY: '', GPULAB_API_URL: '' } : env
  const apiKey = pick(flags['api-key'], variables['GPULAB_API_KEY'], stored.api_key)
  const apiUrl = pick(flags['api-url'], variables['GPULAB_API_URL'], stored.api_url)
  const timeout = flags.timeout ?? env['GPULAB_TIMEOUT']
  return {
    path,
    name,
    isKnown: name === undefined || file.profiles?.[name] !== undefined,
    file,
    apiKey: apiKey && requireHeaderValue(apiKey.value),
    apiKeySource: apiKey?.source,
    apiUrl: apiUrl?.value ?? defaultApiUrl,
    apiUrlSource: apiUrl?.source ?? 'default',
    timeoutMs: timeout ? parseDuration(timeout) : undefined,
    isInsecure: flags.insecure ?? isOn(env['GPULAB_INSECURE']),
    isDebug: flags.debug ?? isOn(env['GPULAB_DEBUG']),
    mode: chooseMode(flags, env['GPULAB_DEFAULT_OUTPUT'] || stored.default_output),
    defaultGpuType: pick(undefined, env['GPULAB_DEFAULT_GPU_TYPE'], stored.default_gpu_type)?.value,
  }
}

/** Output and the like hold for all profiles; keys and addresses are each one's own. */
function settingsOf(file: ProfileFile, name: string): Settings {
  const { api_key: _key, api_url: _url, ...shared } = file
  return { ...shared, ...file.profiles?.[name] }
}

/** The mode in which failures are told that come before the flags are parsed, or because they cannot be. */
export async function guessMode(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Mode> {
  const end = argv.indexOf('--')
  const own = argv.slice(0, end === -1 ? undefined : end)
  const flags = { json: own.includes('--json'), quiet: own.includes('-q') || own.includes('--quiet') }
  // A file that cannot be read is told by what needs it.
  const found = await readProfileFile(env).catch(() => undefined)
  return chooseMode(flags, env['GPULAB_DEFAULT_OUTPUT'] || found?.file.default_output)
}

/** Empty means absent, as a shell's `GPULAB_API_KEY=` does. */
function pick(
  flag: string | undefined,
  variable: string | undefined,
  stored: string | undefined,
): { value: string; source: Source } | undefined {
  if (flag) return { value: flag, source: 'flag' }
  if (variable) return { value: variable, source: 'environment' }
  return stored ? { value: stored, source: 'file' } : undefined
}

const isOn = (variable: string | undefined): boolean => variable === '1' || variable === 'true'

function chooseMode({ json, quiet }: ProfileFlags, preset: string | undefined): Mode {
  if (json) return 'json'
  if (quiet) return 'quiet'
  return preset === 'json' || preset === 'quiet' ? preset : 'table'
}

/** Anything else could not be sent in a header, and is no key. */
export function requireHeaderValue(apiKey: string): string {
  if (/^[\x21-\x7e]+$/.test(apiKey)) return apiKey
  throw new GpulabError('api_key_invalid', {
    message: 'The API key has characters that no key has.',
    hint: 'A key looks like gpulab_xxxxxxxx_…; copy it again without blanks or line breaks.',
  })
}

/** "gpulab_abc12345_…": enough to tell keys apart. */
export function maskKey(apiKey: string): string {
  const [prefix, id, ...secret] = apiKey.split('_')
  return secret.length > 0 ? `${prefix}_${id}_…` : `${apiKey.slice(0, 4)}…`
}
