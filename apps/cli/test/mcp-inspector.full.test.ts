import { tools } from '@gpulab/contract/tools'
import { execFile } from 'node:child_process'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { program } from './run-cli.ts'

/** The official client, which checks what a server says against the protocol. */
const inspector = '@modelcontextprotocol/inspector@2.12.0'

let fake: FakeApi
beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())

async function inspect(...args: string[]): Promise<unknown> {
  await using home = await mkdtempDisposable(join(tmpdir(), 'gpulab-inspector-'))
  const env = Object.entries(fake.env).flatMap(([key, value]) => ['-e', `${key}=${value}`])
  const { stdout } = await promisify(execFile)(
    'npx',
    ['--yes', inspector, '--cli', ...env, ...args, ...program, 'mcp'],
    { env: { ...process.env, MCP_CATALOG_PATH: join(home.path, 'mcp.json') }, maxBuffer: 16 << 20 },
  )
  return JSON.parse(stdout)
}

describe('the official inspector', () => {
  it('lists every tool', async () => {
    const { tools: listed } = (await inspect('--method', 'tools/list')) as { tools: { name: string }[] }
    expect(listed.map(({ name }) => name)).toEqual(Object.keys(tools))
  })

  it('calls one, and hears of one that fails', async () => {
    const call = ['--method', 'tools/call', '--tool-name']
    expect(await inspect(...call, 'list_containers')).toMatchObject({
      content: [{ type: 'text', text: expect.stringContaining('my-training-job') as string }],
    })
    await expect(inspect('--tool-arg', 'container=none', ...call, 'inspect_container')).rejects.toMatchObject(
      { stderr: expect.stringContaining('tool_is_error') as string },
    )
  })
})
