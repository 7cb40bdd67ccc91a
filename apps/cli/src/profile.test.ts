import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { lstatSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadProfile, maskKey } from './profile.ts'
import { writeProfileFile } from './profile-file.ts'

let home: string
const write = (path: string, content: unknown): string => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'gpulab-profile-'))
})
afterEach(() => rmSync(home, { recursive: true }))

describe('precedence', () => {
  it('is flag, environment, file, default', async () => {
    const bare = await loadProfile({}, { HOME: home })
    expect(bare).toMatchObject({ apiKey: undefined, apiUrl: 'https://gpulab.ai/api', mode: 'table' })

    write(join(home, '.gpulab/config.json'), {
      api_key: 'file',
      api_url: 'http://file',
      default_output: 'json',
    })
    const file = await loadProfile({}, { HOME: home, GPULAB_API_KEY: '' })
    expect(file).toMatchObject({ apiKey: 'file', apiKeySource: 'file', apiUrl: 'http://file', mode: 'json' })

    const env = { HOME: home, GPULAB_API_KEY: 'env', GPULAB_API_URL: 'http://env', GPULAB_TIMEOUT: '5s' }
    const environment = await loadProfile({}, env)
    expect(environment).toMatchObject({ apiKey: 'env', apiUrl: 'http://env', timeoutMs: 5000 })

    const flags = { 'api-key': 'flag', 'api-url': 'http://flag', timeout: '1m', quiet: true }
    expect(await loadProfile(flags, env)).toMatchObject({
      apiKey: 'flag',
      apiKeySource: 'flag',
      apiUrl: 'http://flag',
      timeoutMs: 60_000,
      mode: 'quiet',
    })
  })
})

describe('the file', () => {
  it('is where GPULAB_CONFIG says, else XDG if it exists, else in the home', async () => {
    const chosen = write(join(home, 'chosen.json'), { api_key: 'chosen' })
    const xdg = join(home, 'xdg')
    const inHome = join(home, '.gpulab/config.json')
    expect((await loadProfile({}, { HOME: home, XDG_CONFIG_HOME: xdg })).path).toBe(inHome)
    const inXdg = write(join(xdg, 'gpulab/config.json'), {})
    expect((await loadProfile({}, { HOME: home, XDG_CONFIG_HOME: xdg })).path).toBe(inXdg)
    const env = { HOME: home, XDG_CONFIG_HOME: xdg, GPULAB_CONFIG: chosen }
    expect(await loadProfile({}, env)).toMatchObject({ path: chosen, apiKey: 'chosen' })
  })

  it.each([
    ['{"api_key": "gpulab_a_secret"', 'is not valid JSON'],
    ['[]', 'does not hold a JSON object'],
    ['{"api_key": 5}', '"api_key"'],
    ['{"default_output": "xml"}', '"default_output"'],
  ])('is refused by name when it holds %s', async (content, text) => {
    const path = write(join(home, '.gpulab/config.json'), content)
    const failure = await loadProfile({}, { HOME: home }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'config_invalid', message: expect.stringContaining(text) })
    expect(String(failure)).toContain(path)
    expect(String(failure)).not.toContain('secret')
  })

  it('is written whole, for its owner only, with the keys that we do not know', async () => {
    const path = join(home, '.gpulab/config.json')
    await writeProfileFile(path, { api_key: 'a' })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)

    write(path, { api_key: 'a', future: 1 })
    chmodSync(path, 0o644)
    const { file } = await loadProfile({}, { HOME: home })
    await writeProfileFile(path, { ...file, api_key: 'b' })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ api_key: 'b', future: 1 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(dirname(path))).toEqual(['config.json'])
  })

  it('stays a link when it is one', async () => {
    const target = write(join(home, 'dotfiles/gpulab.json'), {})
    const path = join(home, 'config.json')
    symlinkSync(target, path)
    await writeProfileFile(path, { api_key: 'a' })
    expect(lstatSync(path).isSymbolicLink()).toBe(true)
    expect(JSON.parse(readFileSync(target, 'utf8'))).toEqual({ api_key: 'a' })
  })

  it('that cannot be written says so, and leaves nothing', async () => {
    const blocked = join(write(join(home, 'file'), ''), 'config.json')
    await expect(writeProfileFile(blocked, {})).rejects.toMatchObject({ code: 'config_invalid' })
    expect(existsSync(`${blocked}.tmp`)).toBe(false)
  })
})

describe('a key', () => {
  it.each(['two words', 'line\nbreak', 'ümlaut'])('%j could not be sent', async (key) => {
    await expect(loadProfile({ 'api-key': key }, { HOME: home })).rejects.toMatchObject({
      code: 'api_key_invalid',
    })
  })

  it.each([
    ['gpulab_abc12345_secret_key', 'gpulab_abc12345_…'],
    ['something', 'some…'],
  ])('%s is shown as %s', (key, masked) => expect(maskKey(key)).toBe(masked))
})
