import { GpulabError } from '@gpulab/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli, runOnTerminal } from './run-cli.ts'
import { sampleHost, uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['hosts', ...args], { env: fake.env })
const ask = (args: string[], prompt: string, answer: string) =>
  runOnTerminal(['hosts', ...args], { env: { ...fake.env, NO_COLOR: '1' }, prompt, answer })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  fake.state.hostActions = []
  fake.state.invites = []
  fake.state.hostEvents = []
  fake.state.hostChanges = []
  fake.state.failure = undefined
  fake.state.hosts = [
    sampleHost(),
    sampleHost({
      uuid: uuidOf('8c1d2eff'),
      name: 'cpu-1',
      state: 'unreachable',
      state_reason: 'It has been silent for 2 minutes.',
      last_seen_at: null,
      gpus: [],
      containers: [],
      checks: [],
    }),
  ]
})

describe('ls', () => {
  it('shows what each host has and what is free, simulated GPUs as such', async () => {
    const { stdout, stderr, code } = await run()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.replaceAll(/\d+s ago/g, '1s ago').split('\n')).toEqual([
      'NAME    STATE         GPUS                      FREE   CPU     MEM            LAST SEEN   PROBLEMS',
      'gpu-1   active        2× RTX 4090 (simulated)   0      12/64   32 GB/256 GB   1s ago      1',
      'cpu-1   unreachable   -                         0      12/64   32 GB/256 GB   never       -',
      '',
    ])
    expect((await run('ls')).stdout).toContain('gpu-1')
  })

  it('counts the GPUs of each type', async () => {
    const [card] = sampleHost().gpus
    if (!card) throw new Error('The sample has no GPU')
    const h100 = { ...card, name: 'NVIDIA H100', simulated: false }
    fake.state.hosts = [sampleHost({ gpus: [h100, { ...card, simulated: false }, h100] })]
    expect((await run()).stdout).toContain(' 1× RTX 4090, 2× H100 ')
  })

  it('prints uuids with -q, and a bare array with --json', async () => {
    expect((await run('-q')).stdout).toBe(`${uuidOf('8c1d2e00')}\n${uuidOf('8c1d2eff')}\n`)
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject([{ name: 'gpu-1' }, { name: 'cpu-1' }])
  })
})

describe('inspect', () => {
  it('shows checks, who holds its GPUs, its containers and what is foreign', async () => {
    const { stdout } = await run('inspect', 'gpu-1')
    expect(stdout.replace(/\d+s ago/, '1s ago')).toBe(`Host: gpu-1
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
UUID:        ${uuidOf('8c1d2e00')}
State:       active
Since:       2026-03-01 09:00:00 UTC
Last Seen:   1s ago
Agent:       1.0.0
Engine:      Docker 28.0.1
CPU Cores:   12/64 requested
Memory:      32 GB/256 GB requested
Disk:        0/1 TB requested

Checks:
  ✓ live-restore   It is on.
  ! disk           Only 3 GB are free.

GPUs:
  0   NVIDIA GeForce RTX 4090 (24GB) (simulated)   GPU-1   my-training-job (3f2a9c1e)
  1   NVIDIA GeForce RTX 4090 (24GB) (simulated)   GPU-2   free                         gone from the host

Containers:
  my-training-job   3f2a9c1e...   running   1 GPU   team MyTeam

Foreign Containers (not placed here; the host removes them after a while):
  ${uuidOf('66666666')}   running
`)
  })

  it('shows the last ten events, the newest last', async () => {
    fake.state.hostEvents = Array.from({ length: 12 }, (_, n) => ({
      at: `2026-03-01T09:00:${59 - n}.000Z`,
      type: n === 0 ? 'fenced' : 'silent',
      message: `Event ${n}\u001B[2J`,
    }))
    const { stdout } = await run('inspect', 'gpu-1')
    const lines = stdout.slice(stdout.indexOf('\nEvents:\n')).trim().split('\n')
    expect(lines).toHaveLength(11)
    expect(lines[1]).toBe(String.raw`  2026-03-01 09:00:50 UTC   silent   Event 9\u001b[2J`)
    expect(lines.at(-1)).toBe(String.raw`  2026-03-01 09:00:59 UTC   fenced   Event 0\u001b[2J`)
    expect(JSON.parse((await run('inspect', 'gpu-1', '--json')).stdout)).not.toHaveProperty('events')
  })

  it.each(['8c1d2e00', '8C1D2E0', uuidOf('8c1d2e00')])('finds it as %s', async (reference) => {
    expect((await run('inspect', reference, '-q')).stdout).toBe('active\n')
  })

  it('does not guess, and says where to look', async () => {
    const ambiguous = await run('inspect', '8c1d2e', '--json')
    expect(ambiguous.code).toBe(2)
    expect(ambiguous.error).toMatchObject({ code: 'reference_ambiguous' })
    const unknown = await run('inspect', 'nothing')
    expect(unknown.code).toBe(3)
    expect(unknown.stderr).toBe(
      'gpulab: There is no host "nothing".\n  Run gpulab hosts to see your hosts.\n',
    )
    const full = await run('cordon', uuidOf('99999999'), '--json')
    expect(full.error).toMatchObject({ code: 'host_not_found', exit_code: 3 })
  })

  it('shows harmlessly what a host says of itself', async () => {
    fake.state.hosts = [
      sampleHost({
        name: 'evil\u001B[2J',
        engine: { available: false, version: null, message: 'no\u001B[1m' },
        checks: [{ name: 'disk', level: 'failure', message: '\u202E' }],
      }),
    ]
    const { stdout } = await run('inspect', uuidOf('8c1d2e00'))
    expect(stdout).toContain(String.raw`evil\u001b[2J`)
    expect(stdout).toContain(String.raw`not available: no\u001b[1m`)
    expect(stdout).not.toMatch(/[\u001B\u202E]/)
  })
})

describe('add', () => {
  it('prints the token and nothing else on standard output', async () => {
    for (const flags of [[], ['-q']]) {
      expect(await run('add', ...flags)).toMatchObject({
        code: 0,
        stdout: 'gpulab_join_secret\n',
        stderr: '',
      })
    }
    const json = await run('add', 'gpu-2', '--ttl', '90m', '--uses', '3', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ token: 'gpulab_join_secret', uses: 3 })
    expect(fake.state.invites).toEqual([
      { ttl: 3600, uses: 1 },
      { ttl: 3600, uses: 1 },
      { host_name: 'gpu-2', ttl: 5400, uses: 3 },
    ])
  })

  it('warns where a host has the name that the token is for', async () => {
    const { code, stdout, stderr } = await run('add', 'gpu-1')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'gpulab_join_secret\n' })
    expect(stderr).toBe(
      'gpulab: There is a host gpu-1 already. The machine that joins with this token takes its place, once it is silent: its agent is refused from then on.\n',
    )
    expect((await run('add', 'gpu-3')).stderr).toBe('')
  })

  it('tells at a terminal what to run on the machine, without the token in its arguments', async () => {
    const { screen } = await ask(['add', 'gpu-2'], '\0', '')
    expect(screen).toContain('One machine may join with it as gpu-2 until 2026-03-01 11:00:00 UTC.')
    expect(screen).toContain(`gpulab-agent join --api ${fake.url} --token-file FILE`)
    expect(screen.match(/gpulab_join_secret/g)).toHaveLength(1)
  })

  it.each([
    ['--ttl', 'soon'],
    ['--ttl', '1s'],
    ['--uses', '0'],
  ])('rejects %s %s', async (...flags) => {
    expect((await run('add', ...flags)).code).toBe(2)
    expect(fake.state.invites).toEqual([])
  })
})

describe('cordon and uncordon', () => {
  it('say the new state', async () => {
    expect((await run('cordon', 'gpu-1')).stdout).toBe('✓ gpu-1 is cordoned\n')
    expect((await run('uncordon', '8c1d2e00', '--json')).stdout).toContain('"state": "active"')
    expect(fake.state.hostActions).toEqual(['cordon gpu-1', 'uncordon gpu-1'])
  })
})

it('a host that is silent takes the new state all the same', async () => {
  fake.state.silent = true
  expect((await run('cordon', 'cpu-1')).stdout).toBe('✓ cpu-1 is cordoned (unreachable)\n')
  expect((await run('uncordon', 'cpu-1')).stdout).toBe('✓ cpu-1 is active (unreachable)\n')
  fake.state.silent = false
})

describe('drain --wait', () => {
  const drain = (...flags: string[]) => run('drain', 'gpu-1', '--force', '--wait', ...flags)
  const containers = sampleHost().containers
  const atRest = { containers: containers.map((each) => ({ ...each, status: 'stopped', at_rest: true })) }

  it('ends once nothing runs there, over cuts', async () => {
    fake.state.hostChanges = [{ state: 'unreachable' }, 'cut', { state: 'draining' }, atRest]
    expect(await drain()).toMatchObject({
      code: 0,
      stdout: '✓ gpu-1 is drained: nothing runs on it\n',
      stderr: '',
    })
    expect(fake.state.hostActions).toEqual(['drain gpu-1'])
    expect(fake.state.hostChanges).toEqual([])
    const again = await drain('--json')
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(again.stdout)).toMatchObject({ name: 'gpu-1', ...atRest })
    expect((await drain('-q')).stdout).toBe(`${uuidOf('8c1d2e00')}\n`)
  })

  it('ends with 124 when the time is over, and says what is left', async () => {
    const { code, stderr } = await drain('--wait-timeout', '1')
    expect(code).toBe(124)
    expect(stderr).toBe(
      'gpulab: Host gpu-1 was not drained within 1 s: 1 container is left (my-training-job).\n  It goes on: see gpulab hosts inspect gpu-1, or wait longer with --wait-timeout.\n',
    )
    fake.state.hostChanges = [{ state: 'unreachable' }]
    const { error } = await drain('--wait-timeout', '1', '--json')
    expect(error).toMatchObject({
      code: 'wait_timeout',
      exit_code: 124,
      hint: expect.stringContaining('gpulab hosts fence gpu-1') as string,
      details: { left: ['my-training-job'] },
    })
  })

  it.each([
    ['takes work again', { state: 'active' }, 5, 'host_wrong_state'],
    ['is declared dead', { state: 'fenced' }, 5, 'host_wrong_state'],
    ['is removed', 'removed', 3, 'host_not_found'],
  ] as const)('ends at once when the host %s', async (_, change, code, error) => {
    fake.state.hostChanges = [change]
    expect(await drain('--json')).toMatchObject({ code, error: { code: error } })
  })
})

describe('what cannot be taken back', () => {
  it.each([
    ['drain', '--force'],
    ['fence', '--yes'],
    ['rm', '--force'],
  ])('(%s) needs %s where there is nobody to ask', async (command, flag) => {
    const { code, stderr } = await run(command, 'cpu-1')
    expect(code).toBe(2)
    expect(stderr).toContain(flag)
    expect((await run(command, 'cpu-1', '--json')).error).toMatchObject({ code: 'input_required' })
    expect(fake.state.hostActions).toEqual([])
    expect((await run(command, 'cpu-1', '--yes')).code).toBe(0)
    expect(fake.state.hostActions).toEqual([`${command} cpu-1`])
  })

  it.each([
    ['drain', 'Stop all containers on cpu-1, and place no more there? [y/N]'],
    ['rm', 'Forget the host cpu-1 (8c1d2eff)? Its agent will have to join again. [y/N]'],
  ])('(%s) is asked for on a terminal', async (command, question) => {
    const refused = await ask([command, 'cpu-1'], '[y/N]', '\n')
    expect(refused.code).toBe(130)
    expect(refused.screen).toContain(question)
    expect(fake.state.hostActions).toEqual([])
    expect((await ask([command, 'cpu-1'], '[y/N]', 'y\n')).code).toBe(0)
    expect(fake.state.hostActions).toEqual([`${command} cpu-1`])
  })

  it('(fence) is explained, and wants the name to be typed', async () => {
    for (const answer of ['y\n', 'gpu-1\n', '\n', '\u0004']) {
      const { code, screen } = await ask(['fence', 'cpu-1'], 'Type the name', answer)
      expect(code).toBe(130)
      expect(screen).toContain('Make sure that it is off')
    }
    expect(fake.state.hostActions).toEqual([])
    const { code, screen } = await ask(['fence', '8c1d2eff'], 'Type the name', 'cpu-1\n')
    expect(code).toBe(0)
    expect(screen).toContain('cpu-1 is fenced')
    expect(fake.state.hostActions).toEqual(['fence cpu-1'])
  })

  it('(fence) takes --force as the others do', async () => {
    expect((await run('fence', 'cpu-1', '--force')).code).toBe(0)
    expect(fake.state.hostActions).toEqual(['fence cpu-1'])
    expect((await run('uncordon', '--help')).stdout).toMatch(/fence/)
  })

  it('(rm) is refused while there are containers', async () => {
    const { code, stderr } = await run('rm', 'gpu-1', '--yes')
    expect(code).toBe(5)
    expect(stderr).toBe(
      'gpulab: There are still containers on the host.\n  gpulab hosts inspect shows them; delete them with gpulab rm first.\n',
    )
  })
})

describe('a key that may not administer', () => {
  it('is told so', async () => {
    fake.state.failure = new GpulabError('scope_missing')
    expect((await run()).code).toBe(4)
  })
})
