import type { Container } from '@gpulab/contract'
import { eventually, run } from '@gpulab/testing'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkOut } from './src/check-out.ts'
import { hashOf, makeFile } from './src/open-box.ts'
import { programs } from './src/programs.ts'
import { spawnCli } from './src/spawn-cli.ts'
import { startSystem, type System } from './src/start-system.ts'

/** The version before this one: of before agents kept an uplink to every API, as nothing was released by then. */
const before = process.env['GPULAB_TEST_PREVIOUS'] ?? '2ed0aa7b5f5d9a49d2ba35bcb79ef2d995a13258'
const timeoutMs = 60_000
const options = ['--template', 'ubuntu', '--memory', '1', '--wait'] as const

let dir: string
let system: System
let startedAt: string | null | undefined

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gpulab-skew-'))
  system = await startSystem({ programs: await checkOut(before, join(dir, 'before')) })
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

/** Of the version before, until another is named. */
let cli: string | undefined
const gpulab = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(cli ?? system.cli.program, args, { env: system.cli.env })
  if (code !== 0) throw new Error(`gpulab ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}
const inspect = async (name: string): Promise<Container> =>
  JSON.parse(await gpulab('inspect', name, '--json')) as Container

/** What users do most, with whatever runs now. */
async function expectAllWell(name: string): Promise<void> {
  await eventually(async () => expect(await gpulab('exec', 'kept', '--', 'echo', 'there')).toBe('there\n'), {
    timeoutMs,
  })
  expect((await inspect('kept')).started_at).toBe(startedAt)
  await gpulab('deploy', '--name', name, ...options, '--command', 'echo said; sleep 1000')
  const file = join(dir, name)
  await makeFile(file, 3 << 20)
  await gpulab('cp', file, `${name}:/tmp/file`)
  await gpulab('cp', `${name}:/tmp/file`, `${file}-back`)
  expect(await hashOf(`${file}-back`)).toBe(await hashOf(file))
  const script = 'cat >&2; exit 3'
  const echoed = await run(cli ?? system.cli.program, ['exec', '-i', name, '--', 'sh', '-c', script], {
    env: system.cli.env,
    input: 'typed',
  })
  expect(echoed).toMatchObject({ code: 3, stdout: '', stderr: 'typed' })
  await eventually(async () => expect(await gpulab('logs', name)).toBe('said\n'), { timeoutMs })
  expect(JSON.parse(await gpulab('stats', name, '--json'))).toHaveProperty('cpu_percent')
  await gpulab('stop', name, '--wait')
  await gpulab('start', name, '--wait')
  const id = (await gpulab('exec', '-d', name, '--', 'sh', '-c', 'echo one; sleep 1; echo two')).trim()
  expect(await gpulab('sessions', 'attach', name, id)).toBe('one\ntwo\n')
  await gpulab('rm', name, '--force')
}

it('the version before runs', async () => {
  await gpulab('deploy', '--name', 'kept', ...options)
  startedAt = (await inspect('kept')).started_at
  await expectAllWell('first')
})

it('its API goes on while the first of this version runs, over the schema of that', async () => {
  const replica = await system.startReplica(programs.api)
  await expectAllWell('second')
  const through = { ...system.cli.env, GPULAB_API_URL: replica.url }
  const { stdout } = await run(system.cli.program, ['inspect', 'kept', '--json'], { env: through })
  expect(JSON.parse(stdout)).toMatchObject({ status: 'running', started_at: startedAt })
})

it('its agent and CLI are served by the API of this version, and a session goes on over the exchange', async () => {
  const script = 'i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; sleep 0.1; done'
  const session = spawnCli(system, ['exec', 'kept', '--', 'sh', '-c', script])
  await eventually(() => expect(session.stdout().length).toBeGreaterThan(0), { timeoutMs })
  await system.api.stop('SIGTERM')
  await system.apis[0]?.start(programs.api)
  expect(await session.ended).toBe(0)
  expect(session.stdout().toString()).toBe(Array.from({ length: 100 }, (_, n) => `${n + 1}\n`).join(''))
  await expectAllWell('third')
})

it('the CLI of this version works with the agent of before', async () => {
  cli = programs.cli
  await expectAllWell('fourth')
})

it('the agent of this version takes up what the one before has left', async () => {
  const id = (await gpulab('exec', '-d', 'kept', '--', 'sh', '-c', 'echo begun; sleep 1000')).trim()
  await system.agent.stop('SIGTERM')
  await system.startAgent(programs.agent)
  await expectAllWell('fifth')
  expect(await gpulab('sessions', 'output', 'kept', id)).toBe('begun\n')
  cli = undefined
  await expectAllWell('sixth')
})
