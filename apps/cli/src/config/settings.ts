import { GpulabError } from '@gpulab/contract'
import type { Context } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { formatTable } from '../output/table.ts'
import { maskKey, type Profile, requireHeaderValue } from '../profile.ts'
import { changeSettings, settingKeys, writeProfileFile } from '../profile-file.ts'

type Key = (typeof settingKeys)[number]

const outputs = ['table', 'json', 'quiet']
const variables: Readonly<Record<Key, string>> = {
  api_key: 'GPULAB_API_KEY',
  api_url: 'GPULAB_API_URL',
  default_output: 'GPULAB_DEFAULT_OUTPUT',
  default_gpu_type: 'GPULAB_DEFAULT_GPU_TYPE',
}

/** What is used now, and where it comes from. */
export function listSettings({ output, profile }: Context): void {
  const values = settingKeys.map((key) => ({ key, ...settingOf(profile, key) }))
  output.render({
    table: () => {
      const rows = values.map(({ key, value, source }) => [key, escapeText(value ?? '-'), source])
      for (const line of formatTable(['KEY', 'VALUE', 'FROM'], rows)) output.line(line)
      output.note(
        `\n  ${escapeText(profile.path)}${profile.name === undefined ? '' : `, profile ${escapeText(profile.name)}`}`,
      )
    },
    json: {
      path: profile.path,
      profile: profile.name ?? null,
      profiles: Object.keys(profile.file.profiles ?? {}),
      settings: Object.fromEntries(values.map(({ key, value, source }) => [key, { value, source }])),
    },
    quiet: values.flatMap(({ key, value }) => (value === null ? [] : [`${key}=${value}`])),
  })
}

export function getSetting({ output, profile }: Context, text: string): void {
  const key = toKey(text)
  const { value, source } = settingOf(profile, key)
  if (value === null) {
    throw new GpulabError('config_invalid', {
      message: `${key} is not set.`,
      hint: `gpulab config set ${key} VALUE sets it.`,
    })
  }
  output.render({ table: () => output.line(escapeText(value)), json: { key, value, source }, quiet: [value] })
}

/** Without a value, it is taken away. */
export async function setSetting(
  { output, profile }: Context,
  text: string,
  value: string | undefined,
): Promise<void> {
  if (text === 'profile') return setProfile({ output, profile }, value)
  const key = toKey(text)
  if (key === 'api_key') {
    throw new GpulabError('invalid_request', {
      message: 'A key is no argument: everybody on this machine could read it.',
      hint: 'Use gpulab auth login, which also checks it, or gpulab auth logout.',
    })
  }
  if (key === 'default_output' && value !== undefined && !outputs.includes(value)) {
    throw new GpulabError('invalid_request', {
      message: `"${value}" is no output.`,
      hint: `It is one of ${outputs.join(', ')}.`,
    })
  }
  await writeProfileFile(profile.path, changeSettings(profile.file, profile.name, { [key]: value }))
  output.render({
    table: () =>
      output.line(
        `${output.style('green', '✓')} ${key} is ${value === undefined ? 'not set any more' : escapeText(value)}`,
      ),
    json: { key, value: value ?? null },
    quiet: [],
  })
}

async function setProfile(
  { output, profile }: Pick<Context, 'output' | 'profile'>,
  name: string | undefined,
): Promise<void> {
  const names = Object.keys(profile.file.profiles ?? {})
  if (name !== undefined && !names.includes(name)) {
    throw new GpulabError('config_invalid', {
      message: `There is no profile "${name}".`,
      hint: `gpulab auth login --profile ${requireHeaderValue(name)} makes it.`,
    })
  }
  await writeProfileFile(profile.path, changeSettings(profile.file, undefined, { profile: name }))
  output.render({
    table: () =>
      output.line(
        `${output.style('green', '✓')} ${name === undefined ? 'No profile is used' : `The profile ${escapeText(name)} is used`} where none is named`,
      ),
    json: { key: 'profile', value: name ?? null },
    quiet: [],
  })
}

function settingOf(profile: Profile, key: Key): { value: string | null; source: string } {
  if (key === 'api_key') {
    const { apiKey, apiKeySource } = profile
    return { value: apiKey ? maskKey(apiKey) : null, source: apiKeySource ?? 'default' }
  }
  const fromEnvironment = process.env[variables[key]]
  if (key === 'api_url') return { value: profile.apiUrl, source: profile.apiUrlSource }
  if (fromEnvironment) return { value: fromEnvironment, source: 'environment' }
  const { name, file } = profile
  const value = (name === undefined ? undefined : file.profiles?.[name]?.[key]) ?? file[key]
  return { value: value ?? null, source: value === undefined ? 'default' : 'file' }
}

function toKey(text: string): Key {
  const key = settingKeys.find((each) => each === text)
  if (key) return key
  throw new GpulabError('invalid_request', {
    message: `There is no setting "${text}".`,
    hint: `There are: ${settingKeys.join(', ')}, profile.`,
  })
}
