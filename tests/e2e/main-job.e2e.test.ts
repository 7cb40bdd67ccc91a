import type { Container, ContainerStats, ExecResult } from '@gpulab/contract'
import { eventually, run } from '@gpulab/testing'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnCli } from './src/spawn-cli.ts'
import { startSystem, type System, testEngine } from './src/start-system.ts'

let system: System

beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

/** The Docker container behind one of ours. */
async function inspect(uuid: string) {
  const found = (await system.listOwn()).find(({ Names }) => Names.some((name) => name.includes(uuid)))
  return found && system.docker.getContainer(found.Id).inspect()
}

describe('a newcomer', () => {
  it('logs in without a terminal, and the key is stored for this user alone', async () => {
    const env = { GPULAB_API_KEY: '', GPULAB_CONFIG: join(system.dir, 'newcomer.json') }
    const login = await system.gpulab(['auth', 'login', '--api-key-stdin', '--api-url', system.apiUrl], {
      env,
      input: `${system.apiKey}\n`,
    })
    expect(login).toMatchObject({ code: 0 })
    const whoami = await system.gpulab(['auth', 'whoami'], { env: { ...env, GPULAB_API_URL: '' } })
    expect(whoami.stdout).toContain('Logged in as: ann@example.com (Team: default)')
    expect((await system.gpulab(['auth', 'logout'], { env })).code).toBe(0)
    expect((await system.gpulab(['ls'], { env })).code).toBe(4)
  })

  it('deploys a GPU container, looks at it, enters it, reads it and removes it', async () => {
    const deployed = await system.json<Container & { container_id: string }>(
      'deploy',
      '--name',
      'my-training-job',
      '--template',
      'pytorch',
      '--gpu-type',
      'RTX 4090',
      '--env',
      'BATCH_SIZE=32',
      '--memory',
      '1',
      '--ports',
      '8080,8888',
      '--wait',
      '--command',
      'echo training with $BATCH_SIZE; echo careful >&2; sleep 600',
    )
    expect(deployed).toMatchObject({
      status: 'running',
      container_id: deployed.uuid,
      gpu_type: 'NVIDIA GeForce RTX 4090',
      simulated: true,
      stand_in_for: expect.stringMatching(/^pytorch\//) as string,
    })
    const { uuid } = deployed
    const card = deployed.gpus[0]?.uuid ?? 'none'

    const docker = await inspect(uuid)
    expect(docker?.HostConfig.DeviceRequests).toMatchObject([{ DeviceIDs: [card] }])
    expect(docker?.HostConfig).toMatchObject({
      Privileged: false,
      Memory: 2 ** 30,
      PidsLimit: expect.any(Number) as number,
    })

    const smi = await system.json<ExecResult>('exec', uuid.slice(0, 8), '--', 'nvidia-smi', '-L')
    expect(smi.stdout.trim().split('\n')).toEqual([expect.stringContaining(card)])
    expect((await system.gpulab(['exec', 'my-training-job', '--', 'nvidia-smi'])).stdout).toContain(
      'SIMULATED',
    )

    const echo = await system.gpulab([
      'exec',
      'my-training-job',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 7',
    ])
    expect(echo).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' })
    const quoted = await system.gpulab([
      'exec',
      uuid,
      '--',
      'printf',
      '%s|',
      'a b',
      '$HOME',
      `it's`,
      '--json',
    ])
    expect(quoted.stdout).toBe(`a b|$HOME|it's|--json|`)
    const bytes = await system.gpulab(['exec', uuid, '--', 'sh', '-c', String.raw`printf '\000\377\n\r\200'`])
    expect([...bytes.bytes]).toEqual([0, 255, 10, 13, 128])

    expect(await system.json<ContainerStats>('stats', 'my-training-job')).toMatchObject({
      uuid,
      memory_limit_bytes: 2 ** 30,
      gpus: [{ uuid: card, simulated: true, problem: null }],
    })
    expect((await system.gpulab(['stats', uuid])).stdout).toMatch(/GPU: .* RTX 4090 \(simulated\)\nGPU Mem: /)

    const logs = await system.gpulab(['logs', 'my-training-job'])
    expect(logs).toMatchObject({ code: 0, stdout: 'training with 32\n', stderr: 'careful\n' })
    const shown = await system.gpulab(['inspect', 'my-training-job'])
    expect(shown.stdout).toMatch(/BATCH_SIZE/)
    expect(shown.stdout).not.toContain('BATCH_SIZE=32')
    expect(shown.stdout).toMatch(/simulated/i)
    expect((await system.gpulab(['logs', 'my-training-job', '--deploy'])).stdout).toMatch(/start/i)
    expect((await system.gpulab(['ls'])).stdout).toMatch(
      /NAME +UUID +STATUS +GPU +UPTIME[^]*my-training-job .*running/,
    )

    expect((await system.gpulab(['rm', 'my-training-job', '--force'])).code).toBe(0)
    await eventually(async () => expect(await inspect(uuid)).toBeUndefined(), { timeoutMs: 20_000 })
    await eventually(async () => expect((await system.gpulab(['inspect', uuid])).code).toBe(3), {
      timeoutMs: 10_000,
    })
    expect(await system.sql`select 1 from gpu_leases where released_at is null`).toHaveLength(0)
  })

  it('gets no GPU without asking for one, whatever the environment says', async () => {
    const { uuid } = await system.json<Container>(
      'deploy',
      '--template',
      'ubuntu',
      '--env',
      'NVIDIA_VISIBLE_DEVICES=all',
      '--memory',
      '1',
      '--wait',
    )
    expect((await system.gpulab(['exec', uuid, '--', 'nvidia-smi'])).code).toBe(127)
    expect((await system.gpulab(['exec', uuid, '--', 'sh', '-c', 'ls /dev/nvidia*'])).stdout).toBe('')
    await system.gpulab(['rm', uuid, '--force'])
  })
})

describe('a container', () => {
  it('is followed while it writes, stopped, started and restarted', async () => {
    const { uuid } = await system.json<Container>(
      'deploy',
      '--name',
      'ticker',
      '--template',
      'ubuntu',
      '--memory',
      '1',
      '--wait',
      '--command',
      'i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.05; done',
    )
    const following = system.gpulab(['logs', 'ticker', '--follow', '--tail', 'all', '--json'])
    await eventually(
      async () => expect((await system.gpulab(['logs', 'ticker'])).stdout).toContain('tick 20'),
      { timeoutMs: 15_000 },
    )
    expect((await system.gpulab(['stop', 'ticker', '--wait'])).code).toBe(0)
    const lines = (await following).stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { line: string }).line)
    expect(lines.length).toBeGreaterThan(20)
    expect(lines).toEqual(lines.map((_line, n) => `tick ${n}`))
    expect(await system.json<Container>('inspect', 'ticker')).toMatchObject({ status: 'stopped', gpus: [] })

    expect((await system.gpulab(['exec', 'ticker', '--', 'true'])).code).toBe(125)
    expect((await system.gpulab(['start', 'ticker', '--wait'])).code).toBe(0)
    const first = await system.json<Container>('inspect', 'ticker')
    expect((await system.gpulab(['restart', 'ticker', '--wait'])).code).toBe(0)
    const second = await system.json<Container>('inspect', 'ticker')
    expect(second).toMatchObject({ uuid, status: 'running' })
    expect(second.started_at).not.toBe(first.started_at)
    await system.gpulab(['rm', 'ticker', '--force'])
  })

  it('is waited for, and watched until it ends', async () => {
    const listen =
      '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 8888, Listen => 1) or die; sleep 600'
    const command = `sleep 1; echo ready; sleep 1; exec perl -MIO::Socket::INET -e '${listen}'`
    const options = ['--template', 'ubuntu', '--memory', '1', '--command', command]
    await system.json<Container>('deploy', '--name', 'server', ...options)
    const wait = (goal: string) => system.gpulab(['wait', 'server', '--for', goal, '--timeout', '1m'])
    expect(await wait('running')).toMatchObject({ code: 0 })
    expect(await wait('port:8888')).toMatchObject({ code: 0, stdout: '✓ server listens on port 8888\n' })
    expect(await wait('log:/^READY$/i')).toMatchObject({ code: 0, stdout: '✓ server wrote: ready\n' })

    const watching = spawnCli(system, ['stats', 'server', '--watch', '--json'])
    await eventually(() => expect(watching.stdout().toString()).toContain('\n'), { timeoutMs: 30_000 })
    const stopped = wait('stopped')
    expect((await system.json<ContainerStats>('stats', 'server')).cpu_percent).toBeGreaterThanOrEqual(0)
    expect((await system.gpulab(['stop', 'server'])).code).toBe(0)
    expect(await stopped).toMatchObject({ code: 0 })
    expect([await watching.ended, watching.stderr()]).toEqual([0, ''])
    const [sample = ''] = watching.stdout().toString().split('\n')
    expect(JSON.parse(sample)).toMatchObject({ memory_limit_bytes: 2 ** 30 })
    expect(await wait('running')).toMatchObject({ code: 1 })
    await system.gpulab(['rm', 'server', '--force'])
  })

  it('lives on when its agent is killed, and is taken up again by the next', async () => {
    const { uuid } = await system.json<Container>(
      'deploy',
      '--name',
      'survivor',
      '--template',
      'ubuntu',
      '--memory',
      '1',
      '--wait',
    )
    const before = await inspect(uuid)
    await system.agent.stop('SIGKILL')
    const away = await system.gpulab(['exec', 'survivor', '--json', '--', 'true'])
    expect(away.code).toBe(125)
    expect(JSON.parse(away.stderr)).toMatchObject({
      error: { code: 'host_unreachable', exit_code: 125, origin: 'platform', retryable: true },
    })
    await system.startAgent()
    await eventually(
      async () =>
        expect((await system.gpulab(['exec', 'survivor', '--', 'echo', 'back'])).stdout).toBe('back\n'),
      { timeoutMs: 15_000 },
    )
    const after = await inspect(uuid)
    expect(after?.State).toMatchObject({ Pid: before?.State.Pid, StartedAt: before?.State.StartedAt })
    await system.gpulab(['rm', 'survivor', '--force'])
  })
})

describe('a host', () => {
  it('is empty when a drain that was waited for ends', async () => {
    const command =
      'trap "until [ -e /tmp/go ]; do sleep 0.1; done; exit 0" TERM; while :; do sleep 0.1; done'
    const { uuid } = await system.json<Container>(
      'deploy',
      '--name',
      'leaver',
      '--template',
      'ubuntu',
      '--memory',
      '1',
      '--wait',
      '--command',
      command,
    )
    const [host] = await system.json<{ name: string; containers_count: number }[]>('hosts')
    const name = host?.name ?? ''
    const drain = ['hosts', 'drain', name, '--force', '--wait']
    const early = await system.gpulab([...drain, '--wait-timeout', '0.1s', '--json'])
    expect(early.code).toBe(124)
    expect(JSON.parse(early.stderr)).toMatchObject({ error: { details: { left: ['leaver'] } } })
    const docker = ['exec', (await inspect(uuid))?.Id ?? '', 'touch', '/tmp/go']
    expect(await run('docker', docker, { env: { DOCKER_HOST: testEngine().dockerHost } })).toMatchObject({
      code: 0,
    })
    expect(await system.gpulab(drain)).toMatchObject({
      code: 0,
      stdout: `✓ ${name} is drained: nothing runs on it\n`,
    })
    expect((await inspect(uuid))?.State).toMatchObject({ Running: false, ExitCode: 0 })
    const left = await system.json<Container>('inspect', 'leaver')
    expect(left.next_step).toContain('gpulab redeploy leaver')
    expect((await system.gpulab(['hosts', 'uncordon', name])).code).toBe(0)
    expect((await system.json<Container>('inspect', 'leaver')).next_step).toContain('gpulab start leaver')
    await system.gpulab(['rm', 'leaver', '--force'])
  })
})

describe('exec', () => {
  let name: string
  beforeAll(async () => {
    name = (await system.json<Container>('deploy', '--template', 'ubuntu', '--memory', '1', '--wait')).name
  })
  afterAll(() => system.gpulab(['rm', name, '--force']))

  it('ends the whole process tree at its deadline and keeps the output', async () => {
    const command = 'echo before; (setsid sh -c "sleep 77 & sleep 78" &) ; sleep 79'
    const finished = await system.gpulab(['exec', name, '--timeout', '1', '--', 'sh', '-c', command])
    expect(finished).toMatchObject({ code: 124, stdout: 'before\n' })
    const left = await system.gpulab([
      'exec',
      name,
      '--',
      'sh',
      '-c',
      'cat /proc/[0-9]*/cmdline | tr "\\0" " "',
    ])
    expect(left.stdout).not.toMatch(/sleep 7[789]/)
  })

  it('takes variables, a folder, and strings of any kind', async () => {
    const finished = await system.gpulab([
      'exec',
      name,
      '-e',
      'A=1 2',
      '-w',
      '/tmp',
      '--',
      'sh',
      '-c',
      'pwd; echo "$A"',
    ])
    expect(finished.stdout).toBe('/tmp\n1 2\n')
    const result = await system.json<ExecResult>(
      'exec',
      '--max-output',
      '10',
      name,
      '--',
      'sh',
      '-c',
      'echo 0123456789abcdef',
    )
    expect(result).toMatchObject({
      stdout: '0123456789',
      stdout_truncated: true,
      exit_code: 0,
      origin: 'command',
    })
  })
})
