import { tools } from '@gpulab/contract/tools'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli } from './run-cli.ts'

let fake: FakeApi
beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())

interface Answer {
  readonly id: number
  readonly result: {
    readonly tools?: { name: string; inputSchema: object; annotations: { readOnlyHint: boolean } }[]
    readonly content?: { text: string }[]
    readonly isError?: boolean
    readonly instructions?: string
  }
}

const start = [
  {
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  },
  { method: 'notifications/initialized' },
]

/** Answers come before the input ends: each call waits for nothing but the fake. */
async function ask(method: string, params: object, flags: string[] = [], id = 2): Promise<Answer['result']> {
  const input = [...start, { id: 2, method, params }]
    .map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    .join('')
  const { stdout, stderr, code } = await runCli(['mcp', ...flags], { env: fake.env, input })
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const answers = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer)
  return answers.find((answer) => answer.id === id)?.result ?? {}
}

describe('gpulab mcp', () => {
  it('has every tool of the contract, with a schema of its input', async () => {
    const { tools: listed = [] } = await ask('tools/list', {})
    expect(listed.map(({ name }) => name)).toEqual(Object.keys(tools))
    expect(listed.find(({ name }) => name === 'exec')?.inputSchema).toMatchObject({
      type: 'object',
      properties: { command: expect.any(Object) as object, container: { type: 'string' } },
    })
  })

  it('has none that changes something with --read-only', async () => {
    const { tools: listed = [] } = await ask('tools/list', {}, ['--read-only'])
    expect(listed.length).toBeGreaterThan(0)
    expect(listed.every(({ annotations }) => annotations.readOnlyHint)).toBe(true)
  })

  it('says how to use them, and only what there is', async () => {
    const told = async (flags: string[]) => (await ask('ping', {}, flags, 1)).instructions
    expect(await told([])).toMatch(/list_containers[^]*nohup/)
    expect(await told(['--read-only'])).not.toMatch(/exec|deploy/)
  })

  it('takes no field that a tool has not', async () => {
    const count = fake.state.created.length
    const { content, isError } = await ask('tools/call', {
      name: 'deploy_container',
      arguments: { template: 'ubuntu', gputype: 'NVIDIA A100', wait: false },
    })
    expect(isError).toBe(true)
    expect(content?.[0]?.text).toContain('gputype')
    expect(fake.state.created).toHaveLength(count)
  })

  it('leaves out old lines of a log rather than new ones', async () => {
    const line = (index: number) => `${index} ${'x'.repeat(500)}`
    fake.state.logLines = Array.from({ length: 500 }, (_, index) => ({
      ts: '2026-03-01T10:00:00.000Z',
      stream: 'stdout',
      line: line(index),
    }))
    const { content } = await ask('tools/call', {
      name: 'logs',
      arguments: { container: 'my-training-job', tail: 500 },
    })
    const { lines, left_out } = JSON.parse(content?.[0]?.text ?? '') as { lines: string[]; left_out: number }
    expect(lines.at(-1)).toBe(line(499))
    expect(lines.length + left_out).toBe(500)
    expect(left_out).toBeGreaterThan(0)
  })

  it('keeps a long list whole JSON', async () => {
    const before = fake.state.containers
    const [first] = before
    fake.state.containers = Array.from({ length: 200 }, (_, index) => ({
      ...first,
      name: `one-of-many-${index}`,
    })) as typeof before
    const { content = [] } = await ask('tools/call', { name: 'list_containers', arguments: {} })
    fake.state.containers = before
    expect(JSON.parse(content[0]?.text ?? '')).toContainEqual(
      expect.objectContaining({ name: 'one-of-many-0' }),
    )
    expect(content[1]?.text).toMatch(/^\(\d+ more are left out/)
  })

  it('answers with JSON, and with the error object where it fails', async () => {
    const call = async (name: string, input: object): Promise<unknown> => {
      const { content } = await ask('tools/call', { name, arguments: input })
      return JSON.parse(content?.[0]?.text ?? 'null')
    }
    expect(await call('inspect_container', { container: 'my-training-job' })).toMatchObject({
      name: 'my-training-job',
    })
    expect(await call('inspect_container', { container: 'no-such' })).toMatchObject({
      error: { code: 'container_not_found', exit_code: 3 },
    })
    // A part of a name will do, as on the command line.
    await call('deploy_container', {
      template: 'pytorch',
      gpu_type: 'a100',
      name: 'by-agent',
      wait: false,
    })
    expect(fake.state.created.at(-1)).toMatchObject({
      template: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      gpu_type: 'NVIDIA A100',
    })
    // There are no flags to look up.
    const failure = await call('write_file', {
      container: 'my-training-job',
      path: '/x',
      content: 'no base64!',
      encoding: 'base64',
    })
    expect(failure).toMatchObject({ error: { code: 'invalid_request' } })
    expect(JSON.stringify(failure)).not.toContain('--help')
  })

  it('needs a key before it serves anything', async () => {
    expect(await runCli(['mcp'])).toMatchObject({ code: 4, stdout: '' })
  })
})
