import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { createHome, program, runCli } from './run-cli.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(['logs', 'my-training-job', ...args], { env: fake.env })
const lines = Array.from({ length: 12 }, (_, index) => ({
  ts: `2026-03-01T10:00:00.0000000${String(index).padStart(2, '0')}Z`,
  stream: index % 4 === 3 ? ('stderr' as const) : ('stdout' as const),
  line: `line ${index}`,
}))

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state, {
    logLines: lines,
    streams: 0,
    cutEvery: Number.POSITIVE_INFINITY,
    endless: false,
  })
})

describe('logs', () => {
  it('writes each stream to its own descriptor', async () => {
    const { stdout, stderr, code } = await run()
    expect(code).toBe(0)
    expect(stdout).toBe('0 1 2 4 5 6 8 9 10'.replaceAll(/(\d+) ?/g, 'line $1\n'))
    expect(stderr).toBe('line 3\nline 7\nline 11\n')
  })

  it('shows one stream, with times', async () => {
    const { stdout, stderr } = await run('--stderr', '--timestamps')
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toBe('2026-03-01T10:00:00.000000003Z line 3')
  })

  it('prints a JSON object a line', async () => {
    const { stdout, stderr } = await run('--json')
    expect(stderr).toBe('')
    const records = stdout.trimEnd().split('\n')
    expect(records.map((record) => JSON.parse(record))).toEqual(
      lines.map((line, index) => ({ ...line, cursor: String(index) })),
    )
  })

  it('follows over cut connections without a loss or a double', async () => {
    fake.state.cutEvery = 5
    const { stdout, code } = await run('--follow', '--json')
    expect(code).toBe(0)
    const seen = stdout
      .trimEnd()
      .split('\n')
      .map((record) => (JSON.parse(record) as { line: string }).line)
    expect(seen).toEqual(lines.map(({ line }) => line))
    expect(fake.state.streams).toBeGreaterThan(2)
  })

  it('ends with 130 at Ctrl-C', async () => {
    fake.state.endless = true
    const { code, stdout, stderr } = await runCli(['logs', 'my-training-job', '-f', '--stdout'], {
      env: fake.env,
      interruptAt: 'line 10',
    })
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'gpulab: Interrupted.\n' })
    expect(stdout).toContain('line 10\n')
  })

  it('shows the deployment log', async () => {
    fake.state.deployLines = ['pulling', 'started']
    expect((await run('--deploy')).stdout).toBe('pulling\nstarted\n')
  })

  it('follows the deployment log over cuts until the deployment ends', async () => {
    fake.state.deployLines = ['pulling 10 %', 'pulling 60 %', 'pulling 100 %', 'started']
    fake.state.cutEvery = 1
    const { stdout, stderr, code } = await run('--deploy', '--follow')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe('pulling 10 %\npulling 60 %\npulling 100 %\nstarted\n')
    expect(fake.state.streams).toBeGreaterThan(3)
  })

  it.each([
    ['--tail', 'many'],
    ['--tail', '10001'],
    ['--since', 'yesterday'],
    ['--stdout', '--stderr'],
    ['--deploy', '--tail=5'],
  ])('rejects %s %s', async (...flags) => {
    const { code, stdout, stderr } = await run(...flags)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^gpulab: .*\.\n {2}.*\.\n$/)
  })

  it('ends quietly when nobody reads on', async () => {
    fake.state.logLines = Array.from({ length: 20_000 }, () => ({ ...lines[0]!, line: 'x'.repeat(100) }))
    const child = spawn(
      'bash',
      [
        '-c',
        `${program.map((word) => `"${word}"`).join(' ')} logs my-training-job | head -n 1; echo "\${PIPESTATUS[0]}"`,
      ],
      {
        env: { ...fake.env, PATH: process.env['PATH'], HOME: createHome() },
      },
    )
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await once(child, 'close')
    expect(output).toBe(`${'x'.repeat(100)}\n0\n`)
  })
})
