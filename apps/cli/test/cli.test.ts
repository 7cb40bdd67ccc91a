import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, goodKey, startFakeApi } from './fake-api.ts'
import { createHome, runCli, runInto, runOnTerminal } from './run-cli.ts'

let fake: FakeApi
beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())

describe('auth', () => {
  let home: string
  let env: Record<string, string>
  const config = (): Record<string, unknown> =>
    JSON.parse(readFileSync(join(home, '.gpulab/config.json'), 'utf8')) as Record<string, unknown>

  beforeEach(() => {
    home = createHome()
    env = { HOME: home, GPULAB_API_URL: fake.url }
  })

  it('logs in, shows who it is, and logs out', async () => {
    const login = await runCli(['auth', 'login', '--api-key', goodKey], { env })
    expect(login).toMatchObject({ code: 0, stdout: '✓ Logged in as user@example.com (Team: MyTeam)\n' })
    expect(config()).toEqual({ api_key: goodKey, api_url: fake.url })
    expect(statSync(join(home, '.gpulab/config.json')).mode & 0o777).toBe(0o600)

    const whoami = await runCli(['auth', 'whoami'], { env: { HOME: home } })
    expect(whoami.stdout).toBe('Logged in as: user@example.com (Team: MyTeam)\n')
    const status = await runCli(['auth', 'status', '--json'], { env: { HOME: home } })
    expect(JSON.parse(status.stdout)).toMatchObject({
      api_url: fake.url,
      api_key: 'gpulab_abc12345_…',
      api_key_source: 'file',
      reachable: true,
      authenticated: true,
    })

    expect((await runCli(['auth', 'logout'], { env })).code).toBe(0)
    expect(config()).toEqual({ api_url: fake.url })
    expect((await runCli(['auth', 'whoami'], { env })).code).toBe(4)
  })

  it('takes the key from standard input, or hidden from a terminal', async () => {
    await runCli(['auth', 'login', '--api-key-stdin'], { env, input: `${goodKey}\n` })
    expect(config()['api_key']).toBe(goodKey)
    await runCli(['auth', 'logout'], { env })
    const { screen, code } = await runOnTerminal(['auth', 'login'], {
      env,
      prompt: 'Enter your API key:',
      answer: `${goodKey}\r`,
    })
    expect(code).toBe(0)
    expect(screen).not.toContain(goodKey)
    expect(config()['api_key']).toBe(goodKey)
  })

  it('stores no key that the API refuses, and asks nobody who is not there', async () => {
    const refused = await runCli(['auth', 'login', '--api-key', 'gpulab_wrong', '--json'], { env })
    expect(refused).toMatchObject({ code: 4, stdout: '' })
    expect(refused.error).toMatchObject({ code: 'api_key_invalid', exit_code: 4, origin: 'platform' })
    const missing = await runCli(['auth', 'login'], { env })
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('--api-key-stdin')
    expect(() => config()).toThrow('ENOENT')
  })

  it('tells in status what is wrong', async () => {
    const wrong = await runCli(['auth', 'status', '--api-key', 'gpulab_abc_no'], { env })
    expect(wrong.code).toBe(4)
    expect(wrong.stdout).toContain('Account:   not logged in')
    const down = await runCli(['auth', 'status'], {
      env: { ...fake.env, GPULAB_API_URL: 'http://127.0.0.1:1' },
    })
    expect(down.code).toBe(7)
    expect(down.stdout).toContain('not reachable')
    expect(down.stdout).toContain('Account:   not known: the API does not answer')
    expect(down.stderr).toContain('nothing listens there')
  })
})

describe('the configuration file', () => {
  it('is refused by name when it is broken, and its key is not told', async () => {
    const home = createHome()
    mkdirSync(join(home, '.gpulab'))
    const path = join(home, '.gpulab/config.json')
    writeFileSync(path, `{"api_key": "${goodKey}"`)
    const { code, stderr } = await runCli(['ls'], { env: { HOME: home } })
    expect(code).toBe(2)
    expect(stderr).toContain(path)
    expect(stderr).not.toContain('secret')
    expect(readFileSync(path, 'utf8')).toContain(goodKey)
  })
})

describe('a standard output that takes nothing', () => {
  it.each(['', '1'])('is told in a sentence (framework: "%s")', async (framework) => {
    for (const words of ['version', 'version --json', 'help', 'ls']) {
      const env = { ...fake.env, ...(framework && { GPULAB_FRAMEWORK: framework }) }
      const { code, stderr } = await runInto('/dev/full', words.split(' '), env)
      expect(code).toBe(1)
      expect(stderr).toMatch(/could not be written: ENOSPC: no space left on device\./)
      expect(stderr.trim().split('\n').length).toBeLessThan(3)
    }
  })
})

describe('wrong usage', () => {
  it('that leaves out which volume says where they are listed', async () => {
    expect((await runCli(['volumes', 'ls'], { env: fake.env })).stderr).toMatch(
      /^gpulab: VOLUME is missing\.\n {2}Name the volume whose files you want; gpulab volumes lists/,
    )
  })

  it.each([
    [['lss'], 'Did you mean gpulab ls?'],
    [['containers', 'inspct', 'x'], 'Did you mean gpulab containers inspect?'],
    [['run', 'ubuntu'], 'Did you mean gpulab deploy?'],
    [['ls', '--foo'], 'There is no flag --foo.'],
    [['ls', '--statsu', 'running'], 'Did you mean --status?'],
    [['wait', 'x', '--timout', '5'], 'Did you mean --timeout?'],
    [['ls', 'extra'], 'Unexpected argument: extra.'],
    [['stop', 'x', '--wait-timeout', '5m'], '--wait'],
    [['inspect'], 'CONTAINER is missing.'],
    [['ls', '--status', 'odd'], 'queued, deploying'],
    [['ls', '--timeout', 'soon'], '"soon" is not a duration.'],
  ])('of %j is 2, with the next step', async (args, text) => {
    const human = await runCli(args, { env: fake.env })
    expect(human).toMatchObject({ code: 2, stdout: '' })
    expect(human.stderr).toContain(text)
    const json = await runCli([...args, '--json'], { env: fake.env })
    expect(json).toMatchObject({ code: 2, stdout: '' })
    expect(json.error).toMatchObject({ exit_code: 2, origin: 'platform', hint: expect.any(String) })
  })
})

describe('a default of JSON', () => {
  const isJson = (stderr: string): boolean => stderr.startsWith('{"error":{"code":"invalid_request"')

  it.each([[['ls', '--foo']], [['inspect']], [['lss']], [['ls', '--timeout', 'soon']]])(
    'holds for the wrong usage of %j',
    async (args) => {
      const fromEnvironment = await runCli(args, { env: { GPULAB_DEFAULT_OUTPUT: 'json' } })
      expect(fromEnvironment).toMatchObject({ code: 2, stderr: expect.toSatisfy(isJson) })
      const home = createHome()
      mkdirSync(join(home, '.gpulab'))
      writeFileSync(join(home, '.gpulab/config.json'), '{"default_output":"json"}')
      const fromFile = await runCli(args, { env: { HOME: home } })
      expect(fromFile.stderr).toBe(fromEnvironment.stderr)
    },
  )

  it('yields to --quiet', async () => {
    const { stderr } = await runCli(['ls', '--foo', '-q'], { env: { GPULAB_DEFAULT_OUTPUT: 'json' } })
    expect(stderr).toMatch(/^gpulab: There is no flag/)
  })
})

describe('an API that stalls', () => {
  let server: Server
  let env: Record<string, string>
  let answer: (response: ServerResponse) => void
  beforeAll(async () => {
    server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    env = { GPULAB_API_URL: `http://127.0.0.1:${port}`, GPULAB_API_KEY: goodKey }
  })
  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })

  it('is given up in the middle of its answer', async () => {
    answer = (response) => void response.writeHead(200).write('{')
    const { code, error } = await runCli(['ls', '--timeout', '500ms', '--json'], { env })
    expect(code).toBe(7)
    expect(error).toMatchObject({ code: 'api_unreachable', retryable: true })
  })

  it('can be left at once while a name is looked up', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    answer = () => resolve()
    const { code, stderr } = await runCli(['inspect', 'name'], { env, interruptAfter: promise })
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'gpulab: Interrupted.\n' })
  })

  it('may have deployed all the same', async () => {
    answer = () => {}
    const args = ['deploy', '--image', 'x', '--timeout', '500ms', '--json']
    const { code, error } = await runCli(args, { env })
    expect(code).toBe(7)
    expect(error).toMatchObject({ code: 'outcome_unknown', retryable: false })
    expect(error.hint).toContain('gpulab ls')
  })
})

describe('the connection', () => {
  it('is 7 when the API is down, 4 without a key, 2 when it would not be secure', async () => {
    const env = { GPULAB_API_KEY: goodKey, GPULAB_API_URL: 'http://127.0.0.1:1' }
    const down = await runCli(['ls', '--json'], { env })
    expect(down.code).toBe(7)
    expect(down.error).toMatchObject({ code: 'api_unreachable', retryable: true, exit_code: 7 })
    expect((await runCli(['ls'], { env: { GPULAB_API_URL: fake.url } })).code).toBe(4)
    const plain = await runCli(['ls', '--api-url', 'http://gpulab.example.com'], { env })
    expect(plain.code).toBe(2)
    expect(plain.stderr).toContain('--insecure')
  })

  it('is told by --debug without the key', async () => {
    const { stdout, stderr } = await runCli(['ls', '--debug', '-q'], { env: fake.env })
    expect(stdout).toContain('-')
    expect(stderr).toContain(`> GET ${fake.url}/v1/containers?limit=200`)
    expect(stderr).toMatch(/< 200 \(\d+ ms\)/)
    expect(stderr).not.toContain('secret')
  })
})

describe('the rest', () => {
  it('tells the version', async () => {
    const { stdout } = await runCli(['version'])
    expect(stdout).toMatch(/^gpulab v\d+\.\d+\.\d+ \((linux|darwin)\/(amd64|arm64)\)\n$/)
    expect((await runCli(['--version'])).stdout).toBe(stdout)
    expect(JSON.parse((await runCli(['version', '--json'])).stdout)).toHaveProperty('os')
  })

  it("looks like the plan's pictures in templates and GPU types", async () => {
    expect((await runCli(['templates', '--type', 'gpu'], { env: fake.env })).stdout).toBe(
      `NAME              TYPE   IMAGE                        PORTS       MEMORY
pytorch-2.1       GPU    pytorch/pytorch:2.1.0-cuda   8888        32 GB
tensorflow-2.15   GPU    tensorflow/tensorflow:2.15   8888,6006   32 GB
`,
    )
    const info = await runCli(['templates', 'info', 'pytorch', '--json'], { env: fake.env })
    expect(JSON.parse(info.stdout)).toMatchObject({ name: 'pytorch-2.1' })
    expect((await runCli(['gpus', 'types', '--min-memory', '30000'], { env: fake.env })).stdout).toBe(
      'GPU TYPE      AVAILABLE   TOTAL   MEMORY   PRICE/HR\nNVIDIA A100   4           8       40 GB    $2.49\n',
    )
    const free = await runCli(['gpus', '--min-memory', '30000'], { env: fake.env })
    expect(free.stdout).toBe(
      'GPU TYPE      AVAILABLE   MEMORY   PRICE/HR\nNVIDIA A100   4           40 GB    $2.49\n',
    )
  })

  it('helps with everything', async () => {
    const root = await runCli([])
    expect(root).toMatchObject({ code: 0, stderr: '' })
    expect(root.stdout).toContain('EXIT CODES')
    const help = await runCli(['help', 'deploy'])
    expect(help.stdout).toContain('--gpu-type=TYPE')
    expect((await runCli(['deploy', '--help'])).stdout).toBe(help.stdout)
    expect((await runCli(['containers'])).stdout).toContain('containers inspect')
    expect((await runCli(['events', '--help'])).stdout).toContain('gpulab events [CONTAINER] [FLAGS]')
    expect((await runCli(['help', 'hosts'])).stdout).toContain('hosts fence')
    const { stdout: topic } = await runCli(['help', 'sessions'])
    expect(topic.match(/^ {2}sessions (?:ls|list) /gm)).toEqual(['  sessions ls '])
  })

  it('colors only when told to', async () => {
    const plain = (await runCli(['ls'], { env: fake.env })).stdout
    const colored = await runCli(['ls'], { env: { ...fake.env, FORCE_COLOR: '1' } })
    expect(colored.stdout).toContain('\u001B[32mrunning')
    for (const env of [{ FORCE_COLOR: '1', NO_COLOR: '1' }, { TERM: 'xterm' }]) {
      expect((await runCli(['ls'], { env: { ...fake.env, ...env } })).stdout).toBe(plain)
    }
    const refused = await runCli(['ls', '--no-color'], { env: { ...fake.env, FORCE_COLOR: '1' } })
    expect(refused.stdout).toBe(plain)
  })
})
