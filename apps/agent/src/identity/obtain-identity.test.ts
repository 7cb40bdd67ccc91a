import { GpulabError, type HostCheck } from '@gpulab/contract'
import { createServer, type Server } from '@gpulab/http'
import { eventually } from '@gpulab/testing'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Door, joinToken, serveDoor } from '../../test/fake-door.ts'
import { ConfigError } from '../config.ts'
import { readIdentity } from './identity-file.ts'
import { obtainIdentity } from './obtain-identity.ts'
import { readTokenStream } from './read-token.ts'

let folder: string
let app: Server
let door: Door
let url: string
let lines: string[]
let checks: HostCheck[]
const deps = () => ({
  log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
  selfTest: () => Promise.resolve(checks),
})
const signal = new AbortController().signal

beforeEach(async () => {
  lines = []
  checks = []
  folder = await mkdtemp(join(tmpdir(), 'gpulab-identity-'))
  url = `unix:${join(folder, 'api.sock')}`
  app = createServer({ logger: false })
  door = serveDoor(app)
  await writeFile(join(folder, 'token'), `${joinToken}\n`)
})
afterEach(async () => {
  await app.close()
  await rm(folder, { recursive: true, force: true })
})

const listen = () => app.listen({ path: join(folder, 'api.sock') })
const settings = () => ({
  apiUrl: url as string | undefined,
  hostName: 'gpu-01',
  insecure: false,
  stateDir: join(folder, 'state'),
  joinTokenFile: join(folder, 'token') as string | undefined,
})

describe('the first start', () => {
  it('joins with the token, and later ones know who they are', async () => {
    await listen()
    const first = await obtainIdentity(settings(), deps(), signal)
    expect(first).toMatchObject({ apiUrl: url, hostName: 'gpu-01' })
    await app.close()
    await rm(join(folder, 'token'))
    const later = await obtainIdentity({ ...settings(), apiUrl: undefined }, deps(), signal)
    expect(later).toMatchObject({ apiUrl: url, hostUuid: first.hostUuid })
  })

  it('tests the machine first, tells what has failed, and joins all the same', async () => {
    await listen()
    checks = [
      { name: 'gpus', level: 'ok', message: 'Two.' },
      { name: 'clock', level: 'warning', message: 'It is late.' },
      { name: 'gpu-container', level: 'failure', message: 'It does not start.' },
    ]
    await obtainIdentity(settings(), deps(), signal)
    const told = lines.map((line) => JSON.parse(line) as { level: number; check?: string; msg: string })
    expect(told.filter(({ check }) => check !== undefined)).toMatchObject([
      { level: 40, check: 'clock', msg: 'It is late.' },
      { level: 50, check: 'gpu-container', msg: 'It does not start.' },
    ])
    expect(told.at(-1)?.msg).toContain('has joined')
    lines = []
    await obtainIdentity(settings(), deps(), signal)
    expect(lines).toEqual([])
  })

  it('waits for a control plane that is away', async () => {
    const joining = obtainIdentity(settings(), deps(), signal)
    await eventually(() => access(join(folder, 'state/joining.json')))
    await listen()
    expect((await joining).hostUuid).toEqual(expect.any(String))
  })

  it('waits until the host is silent that has its name', async () => {
    door.refuseJoins(new GpulabError('host_wrong_state'))
    await listen()
    const joining = obtainIdentity(settings(), deps(), signal)
    await eventually(() => expect(door.joins()).toBeGreaterThan(1))
    door.refuseJoins(undefined)
    expect((await joining).hostUuid).toEqual(expect.any(String))
  })

  it('ends its wait when it is told to', async () => {
    const stopping = new AbortController()
    const joining = obtainIdentity(settings(), deps(), stopping.signal)
    stopping.abort()
    await expect(joining).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('ends at once when the token is refused, and keeps nothing', async () => {
    await listen()
    await writeFile(join(folder, 'token'), 'another')
    await expect(obtainIdentity(settings(), deps(), signal)).rejects.toBeInstanceOf(GpulabError)
    expect(await readIdentity(settings().stateDir)).toBeUndefined()
  })

  it.each([
    ['no token', { joinTokenFile: undefined }, /gpulab-agent join/],
    ['no file', { joinTokenFile: '/nonexistent/token' }, /ENOENT/],
    ['no address', { apiUrl: undefined }, /GPULAB_API_URL/],
  ])('with %s says what to do', async (_, changes, message) => {
    const attempt = obtainIdentity({ ...settings(), ...changes }, deps(), signal)
    await expect(attempt).rejects.toThrow(ConfigError)
    await expect(attempt).rejects.toThrow(message)
  })
})

describe('a token on standard input', () => {
  async function* chunks(...texts: string[]) {
    for (const text of texts) yield Buffer.from(text)
    if (texts.at(-1)?.endsWith('\n')) throw new Error('Read on after the line')
  }

  it.each([
    [['gpulabjoin_a_b\n']],
    [['gpulabjoin', '_a_b', '\n']],
    [['\n\n  gpulabjoin_a_b  \n']],
    [['gpulabjoin_a_b']],
  ])('%j', async (texts) => expect(await readTokenStream(chunks(...texts))).toBe('gpulabjoin_a_b'))

  it.each([[['']], [['  ']], [['two words']], [['x'.repeat(5000)]]])('%j is none', async (texts) => {
    await expect(readTokenStream(chunks(...texts))).rejects.toThrow(ConfigError)
  })
})
