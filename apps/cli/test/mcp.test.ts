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
async function ask(method: string, params: object, flags: string[] = []): Promise<Answer['result']> {
  const input = [...start, { id: 2, method, params }]
    .map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    .join('')
  const { stdout, stderr, code } = await runCli(['mcp', ...flags], { env: fake.env, input })
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const answers = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer)
  return answers.find(({ id }) => id === 2)?.result ?? {}
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
    // A part of a template's name will do, as on the command line.
    await call('deploy_container', { template: 'pytorch', name: 'by-agent', wait: false })
    expect(fake.state.created.at(-1)?.template).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('needs a key before it serves anything', async () => {
    expect(await runCli(['mcp'])).toMatchObject({ code: 4, stdout: '' })
  })
})
