import { control, createClient, type HostCheck } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { createHttpTransport } from '@gpulab/transport'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeControl, startFakeControl } from './fake-control.ts'
import { joinToken } from './fake-door.ts'
import { program, startTestAgent, toWish } from './test-agent.ts'
import { startTestEngine, type TestEngine } from './test-engine.ts'

let engine: TestEngine
let plane: FakeControl
let folder: string

beforeAll(async () => {
  engine = await startTestEngine()
  plane = await startFakeControl()
  folder = await mkdtemp(join(tmpdir(), 'gpulab-join-'))
})
afterAll(async () => {
  await plane[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of the agent to its end. */
async function run(
  args: string[],
  { input = '', env, through = [] }: { input?: string; env?: NodeJS.ProcessEnv; through?: string[] } = {},
): Promise<Finished> {
  const [first = '', ...rest] = [...through, process.execPath, program, ...args]
  const child = spawn(first, rest, {
    env: {
      ...process.env,
      DOCKER_HOST: engine.dockerHost,
      GPULAB_NVIDIA_SMI: engine.nvidiaSmi,
      GPULAB_STATE_DIR: join(folder, 'state'),
      GPULAB_HOST_NAME: 'joiner',
      ...env,
    },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

const doctor = async (env: NodeJS.ProcessEnv = {}, through: string[] = []) => {
  const { code, stdout } = await run(['doctor', '--json'], { env, through })
  return { code, ...(JSON.parse(stdout) as { ok: boolean; checks: HostCheck[] }) }
}
const levels = (checks: readonly HostCheck[]) =>
  Object.fromEntries(checks.map(({ name, level }) => [name, level]))

describe('a machine that joins', () => {
  it('is tested first, and refused where it has failed', async () => {
    const args = ['join', '--api', plane.url]
    const env = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' }
    const refused = await run(args, { input: `${joinToken}\n`, env })
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/FAILURE +engine .*does not answer/)
    expect(refused.stderr).toContain('--force')
    const forced = await run([...args, '--force'], { input: joinToken, env })
    expect(forced).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) })
  })

  it('says what is wrong with a token, and keeps who it was', async () => {
    const before = await readFile(join(folder, 'state/identity.json'), 'utf8')
    const { code, stderr } = await run(['join', '--api', plane.url, '--force'], { input: 'wrong' })
    expect(code).toBe(4)
    expect(stderr).toContain('The join token is not valid.')
    expect(await readFile(join(folder, 'state/identity.json'), 'utf8')).toBe(before)
    expect((await run(['join', '--api', plane.url], { input: '' })).code).toBe(2)
    expect((await run(['join'], { input: joinToken })).stderr).toContain('--api')
  })

  it('needs https for another machine', async () => {
    const { code, stderr } = await run(['join', '--api', 'http://192.0.2.1'], { input: joinToken })
    expect(code).toBe(2)
    expect(stderr).toContain('plain http')
  })
})

describe('the doctor', () => {
  it('sees what there is, and GPUs in a container', async () => {
    const { ok, code, checks } = await doctor({ GPULAB_API_URL: plane.url })
    expect(levels(checks)).toMatchObject({
      identity: 'ok',
      'live-restore': 'ok',
      'log-driver': 'ok',
      cgroup: 'ok',
      gpus: 'ok',
      'gpu-container': 'ok',
      'guest-folder': 'ok',
      firewall: 'ok',
    })
    expect(checks.find(({ name }) => name === 'gpu-container')?.message).toMatch(/sees them\.$/)
    // The fake control plane has no /healthz.
    expect([ok, code, levels(checks)['api']]).toEqual([false, 1, 'failure'])
    expect(await engine.engine.listContainers({ all: true })).toEqual([])
  })

  it('notices an engine that does not see the folders of the agent', async () => {
    const guests = await mkdtemp(join(folder, 'guests-'))
    const elsewhere = `mount -t tmpfs tmpfs ${guests} && exec "$@"`
    const through = ['unshare', '--mount', 'sh', '-c', elsewhere, 'sh']
    const { code, checks } = await doctor({ GPULAB_GUEST_DIR: guests }, through)
    expect([code, levels(checks)['guest-folder']]).toEqual([1, 'failure'])
  })

  it('tells people as it tells machines', async () => {
    const { code, stdout } = await run(['doctor'], {
      env: { DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
    })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ {2}FAILURE +engine /m)
  })

  it('finds a key that others can read', async () => {
    await chmod(join(folder, 'state/identity.json'), 0o644)
    const { checks } = await doctor()
    expect(levels(checks)['identity']).toBe('failure')
    await chmod(join(folder, 'state/identity.json'), 0o600)
  })
})

describe('an agent that runs', () => {
  it('proves its key again when its session is not taken, and for each uplink', async () => {
    await using agent = await startTestAgent(engine, plane)
    await plane.host()
    plane.endSessions()
    const wanted = toWish(engine.image, { command: ['sleep', '1000'] })
    plane.want(wanted)
    expect((await plane.settled(wanted.uuid))?.state).toBe('running')
    plane.want({ ...wanted, desired: 'absent' })
    await plane.settled(wanted.uuid)
    const proofs = plane.proofs()
    plane.cut()
    await eventually(() => expect(plane.proofs()).toBeGreaterThan(proofs), { timeoutMs: 10_000 })
    await plane.host()
    expect(agent.log()).not.toContain('host_session_invalid')
    const bare = createClient(control, createHttpTransport({ url: plane.url }))
    await expect(bare.target.get()).rejects.toMatchObject({ code: 'host_session_invalid' })
  })
})
