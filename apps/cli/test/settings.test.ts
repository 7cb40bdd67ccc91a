import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, goodKey, startFakeApi } from './fake-api.ts'
import { createHome, runCli } from './run-cli.ts'

let fake: FakeApi
let home: string
const run = (args: string[], env: Record<string, string> = {}) =>
  runCli(args, { env: { HOME: home, ...env } })
const config = () =>
  JSON.parse(readFileSync(join(home, '.gpulab/config.json'), 'utf8')) as Record<string, unknown>
const store = (content: object): void => {
  mkdirSync(join(home, '.gpulab'), { recursive: true })
  writeFileSync(join(home, '.gpulab/config.json'), JSON.stringify(content))
}

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  home = createHome()
})

describe('config', () => {
  it('stores, shows and takes away', async () => {
    expect((await run(['config', 'set', 'default_gpu_type', 'RTX 4090'])).stdout).toBe(
      '✓ default_gpu_type is RTX 4090\n',
    )
    expect(config()).toEqual({ default_gpu_type: 'RTX 4090' })
    expect((await run(['config', 'get', 'default_gpu_type'])).stdout).toBe('RTX 4090\n')
    const listed = await run(['config', 'list', '--json'], {
      GPULAB_API_URL: 'http://x',
      GPULAB_API_KEY: goodKey,
    })
    expect(JSON.parse(listed.stdout)).toMatchObject({
      profile: null,
      settings: {
        api_key: { value: 'gpulab_abc12345_…', source: 'environment' },
        api_url: { value: 'http://x', source: 'environment' },
        default_gpu_type: { value: 'RTX 4090', source: 'file' },
        default_output: { value: null, source: 'default' },
      },
    })
    await run(['config', 'set', 'default_gpu_type'])
    expect(config()).toEqual({})
    expect((await run(['config', 'get', 'default_gpu_type'])).code).toBe(2)
  })

  it.each([
    [['config', 'set', 'nonsense', 'x'], 'There are: api_key'],
    [['config', 'set', 'api_key', goodKey], 'gpulab auth login'],
    [['config', 'set', 'default_output', 'xml'], 'table, json, quiet'],
    [['config', 'set', 'profile', 'nope'], 'There is no profile'],
    [['config', 'get', 'nonsense'], 'There are: api_key'],
  ])('refuses %j', async (args, text) => {
    const { code, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).toContain(text)
    expect(stderr).not.toContain(goodKey)
  })
})

describe('profiles', () => {
  it('keep keys and addresses apart', async () => {
    const login = ['auth', 'login', '--api-key', goodKey, '--api-url', fake.url]
    expect((await run([...login, '--profile', 'work'])).code).toBe(0)
    expect(config()).toEqual({ profiles: { work: { api_key: goodKey, api_url: fake.url } } })
    expect((await run(['ls', '--profile', 'work'])).code).toBe(0)
    expect((await run(['ls'], { GPULAB_PROFILE: 'work' })).code).toBe(0)
    expect((await run(['ls'])).code).toBe(4)

    await run(['config', 'set', 'profile', 'work'])
    expect((await run(['ls'])).code).toBe(0)
    await run(['auth', 'logout', '--profile', 'work'])
    expect(config()).toEqual({ profile: 'work', profiles: { work: { api_url: fake.url } } })
    expect((await run(['ls'])).code).toBe(4)
  })

  it('are whole: what is named as a flag sends no key of the environment there', async () => {
    store({ api_key: goodKey, profiles: { other: { api_url: fake.url } } })
    const { code, error } = await run(['ls', '--profile', 'other', '--json'], { GPULAB_API_KEY: goodKey })
    expect({ code, error: error.code }).toEqual({ code: 4, error: 'api_key_missing' })
  })

  it('that are not there are told with those that are', async () => {
    store({ profiles: { work: {} } })
    const { code, stderr } = await run(['ls', '--profile', 'wrok'])
    expect(code).toBe(2)
    expect(stderr).toContain('There are: work.')
  })
})
