import { describe, expect, it } from 'vitest'
import { ConfigError, readCommand, readConfig, settingsHelp } from './config.ts'

const least = { GPULAB_API_URL: 'https://api.example.com' }

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfig([], {}).apiUrl).toBeUndefined()
    expect(readConfig([], least)).toMatchObject({
      apiUrl: 'https://api.example.com',
      engineSocket: '/var/run/docker.sock',
      agentSocket: '/run/gpulab/agent.sock',
      bridgePrefix: 'gl',
      firewallChain: 'GPULAB',
      firewall: true,
      insecure: false,
      gpuInjection: 'nvidia',
      addressPool: undefined,
      stateDir: '/var/lib/gpulab/agent',
      joinTokenFile: undefined,
    })
  })

  it('takes flags before the environment, and an empty variable for none', () => {
    const env = {
      ...least,
      GPULAB_BRIDGE_PREFIX: 'aa',
      GPULAB_LOG_LEVEL: '',
      DOCKER_HOST: 'unix:///run/d.sock',
    }
    expect(readConfig(['--bridge-prefix', 'bb', '--firewall=off'], env)).toMatchObject({
      bridgePrefix: 'bb',
      logLevel: 'info',
      engineSocket: '/run/d.sock',
      firewall: false,
    })
  })

  it('names all problems at once', () => {
    const env = {
      GPULAB_API_URL: 'ftp://x',
      GPULAB_BRIDGE_PREFIX: 'too-long',
      DOCKER_HOST: 'tcp://x',
      GPULAB_ADDRESS_POOL: 'x',
      GPULAB_STATE_DIR: 'relative',
    }
    const read = () => readConfig([], env)
    expect(read).toThrow(ConfigError)
    for (const part of [
      '--api-url',
      'STATE_DIR (--state-dir)',
      'BRIDGE_PREFIX',
      'DOCKER_HOST',
      'ADDRESS_POOL',
    ]) {
      expect(read).toThrow(part)
    }
    expect(() => readConfig(['--nonsense'], least)).toThrow(/nonsense/)
  })

  it('sends no session over plain http to other machines', () => {
    const remote = { ...least, GPULAB_API_URL: 'http://api.example.com' }
    expect(() => readConfig([], remote)).toThrow(/plain http/)
    expect(readConfig([], { ...remote, GPULAB_INSECURE: 'true' }).insecure).toBe(true)
    for (const url of ['http://127.0.0.1:1', 'unix:/run/api.sock']) {
      expect(readConfig([], { ...least, GPULAB_API_URL: url }).apiUrl).toBe(url)
    }
  })

  it('may come with flags that only one command has', () => {
    const own = { force: { type: 'boolean' }, 'token-file': { type: 'string' } } as const
    const { config, flags } = readCommand(['--force', '--token-file', 't', '--host-name=x'], least, own)
    expect(config.hostName).toBe('x')
    expect(flags).toMatchObject({ force: true, 'token-file': 't' })
    expect(() => readConfig(['--force'], least)).toThrow(/force/)
  })

  it.each([
    ['1073741824', 1024 ** 3],
    ['64GiB', 64 * 1024 ** 3],
    ['1.5TiB', 1.5 * 1024 ** 4],
    ['512MiB', 512 * 1024 ** 2],
  ])('takes %s of memory', (text, bytes) => {
    expect(readConfig(['--memory', text], least).memoryBytes).toBe(bytes)
  })

  it.each(['64GB', '64 GiB', '-1', 'all', '1.5'])('does not take %s of memory', (text) => {
    expect(() => readConfig([], { ...least, GPULAB_MEMORY: text })).toThrow(
      'GPULAB_MEMORY (--memory): must be',
    )
  })

  it('promises what there is, and removes what is forgotten after ten minutes, unless told otherwise', () => {
    expect(readConfig([], least)).toMatchObject({
      memoryBytes: undefined,
      overcommit: 1,
      orphans: 'remove',
      orphanGraceMs: 600_000,
    })
    expect(() => readConfig(['--overcommit', '0'], least)).toThrow('--overcommit')
    expect(() => readConfig(['--orphans', 'maybe'], least)).toThrow('--orphans')
  })

  it('is listed in the help', () => {
    expect(settingsHelp()).toContain('--api-url')
  })
})
