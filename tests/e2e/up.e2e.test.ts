import { findLeftovers, toStateLayout } from '@gpulab/up'
import { eventually, type Finished, run } from '@gpulab/testing'
import type { Container, GpuType } from '@gpulab/contract'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const bootstrap = fileURLToPath(new URL('../../infra/up/bootstrap.mjs', import.meta.url))
const up = (...args: string[]): Promise<Finished> => run(process.execPath, [bootstrap, 'up', ...args])
const down = (...args: string[]): Promise<Finished> => run(process.execPath, [bootstrap, 'down', ...args])

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-up-'))
  await chmod(folder, 0o711)
})
afterAll(async () => {
  for (const name of await readdir(folder)) await down('--state', join(folder, name), '--purge')
  await rm(folder, { recursive: true, force: true })
})

/** Runs a line in a shell that has read what `up --detach` printed. */
const inShell = (exports: string, line: string): Promise<Finished> => run('sh', ['-c', `${exports}\n${line}`])

async function readJson<T>(exports: string, line: string): Promise<T> {
  const { stdout, stderr } = await inShell(exports, `${line} --json`)
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as T
}

const readSupervisor = async (state: string): Promise<number> =>
  (JSON.parse(await readFile(join(state, 'run.json'), 'utf8')) as { supervisor: { pid: number } }).supervisor
    .pid

describe('two systems of one machine', () => {
  const state = (name: string): string => join(folder, name)

  it('run side by side, know nothing of each other, and end without a trace', async () => {
    const [one, other] = await Promise.all([
      up('--detach', '--state', state('one'), '--port', '0', '--gpus', '2x NVIDIA H100:81559'),
      up('--detach', '--state', state('other'), '--port', '0', '--gpus', 'NVIDIA A100:40960'),
    ])
    expect(one.stderr).toContain('GPULab runs.')
    expect(other.stderr).toContain('GPULab runs.')
    expect(one.stdout.split('\n').filter((line) => !line.startsWith('export '))).toEqual([''])

    for (const [exports, type, total] of [
      [one.stdout, 'NVIDIA H100', 2],
      [other.stdout, 'NVIDIA A100', 1],
    ] as const) {
      const types = await readJson<GpuType[]>(exports, 'gpulab gpus types')
      expect(types.filter((gpu) => gpu.total > 0)).toMatchObject([{ name: type, total, simulated: true }])
      expect(await readJson<Container[]>(exports, 'gpulab ls')).toMatchObject([
        { name: 'hello', gpu_type: type },
      ])
      const shown = await inShell(exports, 'gpulab exec hello -- nvidia-smi -L; docker ps --quiet')
      expect(shown.stdout.trim().split('\n')).toEqual([expect.stringContaining(type), expect.any(String)])
    }

    const again = await up('--detach', '--state', state('one'), '--port', '0')
    expect(again.stderr).toContain('GPULab runs already.')
    expect(again.stdout).toBe(one.stdout)

    for (const name of ['one', 'other']) {
      expect((await down('--state', state(name))).code).toBe(0)
      expect(await findLeftovers(toStateLayout(state(name)))).toEqual([])
    }
  })

  it('keep their secrets to themselves', async () => {
    const layout = toStateLayout(state('one'))
    expect((await stat(layout.keysDir)).mode & 0o777).toBe(0o700)
    for (const file of [
      layout.pepperFile,
      layout.encryptionKeyFile,
      layout.identityFile,
      layout.apiKeyFile,
    ]) {
      expect((await stat(file)).mode & 0o777).toBe(0o600)
    }
    expect((await stat(layout.cliConfig)).mode & 0o777).toBe(0o600)
  })

  it('come back with what they had, also after their supervisor was killed', async () => {
    const options = ['--detach', '--state', state('one'), '--port', '0', '--gpus', '2x NVIDIA H100:81559']
    const first = await up(...options)
    const [hello] = await readJson<Container[]>(first.stdout, 'gpulab ls')
    process.kill(await readSupervisor(state('one')), 'SIGKILL')

    const second = await up(...options)
    expect(second.stderr).toContain('GPULab runs.')
    expect(await readJson<Container[]>(second.stdout, 'gpulab ls')).toMatchObject([
      { uuid: hello?.uuid, status: 'running' },
    ])

    process.kill(await readSupervisor(state('one')), 'SIGKILL')
    expect((await down('--state', state('one'))).code).toBe(0)
    expect(await findLeftovers(toStateLayout(state('one')))).toEqual([])
  })

  it('join again when the key of their host is lost, as that of an older version is', async () => {
    const options = ['--detach', '--state', state('one'), '--port', '0', '--gpus', '2x NVIDIA H100:81559']
    const { agentDir, identityFile } = toStateLayout(state('one'))
    const before = await readFile(identityFile, 'utf8')
    await rm(agentDir, { recursive: true })
    const { stdout, stderr } = await up(...options)
    expect(stderr).toContain('GPULab runs.')
    const after = await readFile(identityFile, 'utf8')
    const uuidOf = (text: string) => (JSON.parse(text) as { host_uuid: string }).host_uuid
    expect(uuidOf(after)).toBe(uuidOf(before))
    expect(after).not.toBe(before)
    expect((await inShell(stdout, 'gpulab exec hello -- true')).code).toBe(0)
    expect((await down('--state', state('one'))).code).toBe(0)
  })

  it('are stopped twice without complaint, and purged', async () => {
    expect((await down('--state', state('other'))).stderr).toContain('was not running')
    expect((await down('--state', state('other'), '--purge')).code).toBe(0)
    expect(await readdir(folder)).toEqual(['one'])
    expect((await down('--state', state('other'), '--purge')).stderr).toContain('Nothing runs')
  })
})

describe('a system that is interrupted', () => {
  it.each(['account', 'agent', 'exec'])('leaves nothing behind when that is at %s', async (step) => {
    const temporary = await mkdtemp(join(folder, 'tmp-'))
    await chmod(temporary, 0o711)
    const child = spawn(process.execPath, [bootstrap, 'up', '--smoke'], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let shown = ''
    child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()))
    const before: Record<string, string> = { account: 'cli', agent: 'api', exec: 'wait' }
    await eventually(() => expect(shown).toContain(`✓ ${before[step]} `), { timeoutMs: 60_000 })
    const stateDir = join(temporary, (await readdir(temporary))[0] ?? '')
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(143)
    expect(await readdir(temporary)).toEqual([])
    expect(await findLeftovers(toStateLayout(stateDir))).toEqual([])
    await rm(temporary, { recursive: true })
  })
})

describe('a system that cannot run', () => {
  it('says that its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const { code, stderr } = await up('--state', join(folder, 'port'), '--port', String(port))
    server.close()
    expect(code).toBe(1)
    expect(stderr).toBe(`Port ${port} is taken by another program; choose another one with --port.\n`)
  })

  it('says that its folder is none', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const { code, stderr } = await up('--state', join(file, 'below'))
    await rm(file)
    expect(code).toBe(1)
    expect(stderr).toBe(
      `The state folder "${file}/below" is a file or lies below one; give another one with --state.\n`,
    )
  })

  it('says that an option is wrong', async () => {
    const { code, stderr } = await up('--state', join(folder, 'none'), '--gpus', 'many')
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toContain('"many" is not a GPU specification')
  })
})
