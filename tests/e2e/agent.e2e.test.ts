import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, run } from '@gpulab/testing'
import { startSystem, type System } from './src/start-system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

/** In a shell, as an agent does it; `gpulab` is the built CLI, logged in by the environment. */
const shell = (script: string) =>
  run(
    'bash',
    [
      '-euc',
      `gpulab() { ${system.cli.program} "$@"; }\nfield() { node -p "JSON.parse(fs.readFileSync(0))$1"; }\n${script}`,
    ],
    {
      // Of an outermost shell whose input is a socket, bash believes that it serves a login, and reads startup files.
      env: { ...process.env, ...system.cli.env, SHLVL: '1' },
    },
  )

/**
 * Phase 10 of the plan. In place of jq there is a line of Node, and the template's image is a small stand-in without
 * Python: the training script is one of sh, and is told where it stands.
 */
describe("the plan's example workflow", () => {
  it('goes from deploying to reading the results', async () => {
    const { code, stdout, stderr } = await shell(`
CONTAINER=$(gpulab deploy --name "training" --template pytorch --gpu-type "RTX 4090" --memory 1 --command 'while :; do sleep 3600; done' --wait --json | field .container_id)
gpulab inspect $CONTAINER --json | field .status

gpulab exec $CONTAINER -- sh -c 'mkdir -p /workspace && cat > /workspace/train.sh << "SHEOF"
echo "epoch 1"
echo "{\\"loss\\": 0.5}" > /workspace/results.json
SHEOF'

gpulab exec $CONTAINER -- sh /workspace/train.sh 2>&1
gpulab exec $CONTAINER -- nvidia-smi
gpulab exec $CONTAINER -- cat /workspace/results.json
gpulab logs $CONTAINER --tail 50
gpulab stop $CONTAINER --wait
`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^running\nepoch 1\n/)
    expect(stdout).toContain('RTX 4090')
    expect(stdout).toContain('{"loss": 0.5}\n')
    expect(stdout).toContain('✓ training is stopped')
  })
})

interface Answer {
  readonly result: { readonly content: { readonly text: string }[]; readonly isError?: boolean }
}

/** An agent's end of `gpulab mcp`. */
function startMcp(...flags: string[]) {
  const child = spawn(system.cli.program, ['mcp', ...flags], { env: { ...process.env, ...system.cli.env } })
  const waiting = new Map<number, (answer: Answer) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer & { id: number }
    waiting.get(answer.id)?.(answer)
  })
  let id = 0
  const request = (method: string, params: object): Promise<Answer> => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    waiting.set(++id, resolve)
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return promise
  }
  return {
    open: async () => {
      const clientInfo = { name: 'test', version: '1' }
      await request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo })
      child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    },
    list: async () => {
      const { result } = (await request('tools/list', {})) as unknown as {
        result: { tools: { name: string }[] }
      }
      return result.tools.map(({ name }) => name)
    },
    call: async <T = Record<string, unknown>>(name: string, input: object): Promise<T> => {
      const { result } = await request('tools/call', { name, arguments: input })
      return JSON.parse(result.content[0]?.text ?? '') as T
    },
    close: async () => {
      child.stdin.end()
      await once(child, 'close')
      return child.exitCode
    },
  }
}

describe('gpulab mcp', () => {
  it('does all of that with tools', async () => {
    const mcp = startMcp()
    await mcp.open()
    const deployed = await mcp.call('deploy_container', {
      name: 'by-mcp',
      template: 'ubuntu-22.04',
      memory_bytes: 2 ** 30,
      command: 'echo begun; while :; do sleep 3600; done',
    })
    expect(deployed).toMatchObject({ status: 'running', name: 'by-mcp' })
    const container = 'by-mcp'
    expect(await mcp.call('exec', { container, command: 'echo out; echo err >&2; exit 3' })).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
      exit_code: 3,
    })
    const path = '/workspace/deep/a file.txt'
    expect(await mcp.call('write_file', { container, path, content: 'größer\n' })).toEqual({ path, bytes: 9 })
    expect(await mcp.call('read_file', { container, path })).toMatchObject({
      content: 'größer\n',
      truncated: false,
    })
    // A folder takes no content, and nothing is left in it.
    expect(await mcp.call('write_file', { container, path: '/workspace/deep', content: 'x' })).toMatchObject({
      error: { code: 'path_not_allowed' },
    })
    expect(await mcp.call('exec', { container, command: 'ls /workspace/deep' })).toMatchObject({
      stdout: 'a file.txt\n',
    })
    // As the instructions say of what takes longer than an exec may.
    await mcp.call('exec', { container, command: 'nohup sh -c "sleep 1; echo done" >/tmp/work.log 2>&1 &' })
    await eventually(async () => {
      expect(await mcp.call('read_file', { container, path: '/tmp/work.log' })).toMatchObject({
        content: 'done\n',
      })
    })
    await mcp.call('exec', { container, command: 'head -c 100000 /dev/zero | tr "\\0" x > /tmp/large' })
    const large = await mcp.call('read_file', { container, path: '/tmp/large', offset: 10 })
    expect(large).toMatchObject({ truncated: true, next_offset: 10 + (48 << 10) })
    expect(await mcp.call('read_file', { container, path: '/nothing' })).toMatchObject({
      error: { code: 'path_not_found' },
    })
    expect(await mcp.call('logs', { container })).toEqual({ lines: ['begun'], left_out: 0 })
    expect(await mcp.call('stats', { container })).toMatchObject({ uuid: deployed['uuid'] })
    await mcp.call('stop_container', { container })
    expect(await mcp.call('wait', { container, for: 'stopped' })).toMatchObject({ status: 'stopped' })
    expect(await mcp.call('remove_container', { container })).toMatchObject({ deleted: true })
    expect(await mcp.call('inspect_container', { container: 'no-such' })).toMatchObject({
      error: { code: 'container_not_found', exit_code: 3 },
    })
    expect(await mcp.close()).toBe(0)
  })

  it('changes nothing with --read-only', async () => {
    const mcp = startMcp('--read-only')
    await mcp.open()
    expect(await mcp.list()).toEqual(
      'list_containers list_templates list_gpu_types inspect_container read_file logs stats wait'.split(' '),
    )
    await mcp.close()
  })
})
