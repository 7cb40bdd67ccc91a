import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { createHome, runCli } from './run-cli.ts'

let fake: FakeApi
const run = (args: string[], input?: string) =>
  runCli(['api', ...args], { env: fake.env, ...(input !== undefined && { input }) })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())

describe('gpulab api', () => {
  it('prints the answer as it is', async () => {
    const { code, stdout } = await run(['get', 'v1/containers?limit=1'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ items: expect.any(Array) as unknown[] })
    expect(stdout.endsWith('}\n')).toBe(true)
  })

  it('sends JSON from the line, from a file and from standard input', async () => {
    const file = join(createHome(), 'body.json')
    writeFileSync(file, '{"command":["true"]}')
    const path = '/v1/containers/00000000-0000-4000-8000-00000000abcd/exec'
    for (const [data, input] of [
      ['{"command":["true"]}'],
      [`@${file}`],
      ['-', '{"command":["true"]}'],
    ] as const) {
      const { code, stderr } = await run(['POST', path, '--data', data], input)
      // It has come as far as looking for the container.
      expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('container') })
    }
  })

  it.each([
    [['GET', '/v1/nothing'], 3],
    [['BREW', '/v1/containers'], 2],
    [['GET', 'http://elsewhere.example.com/v1'], 2],
    [['GET', '//elsewhere.example.com/v1'], 2],
    [['POST', '/v1/containers', '--data', 'no json'], 2],
    [['POST', '/v1/containers', '--data', '@/nothing'], 2],
    [['GET'], 2],
  ] as const)('fails as every command does: %j is %i', async (args, code) => {
    const result = await run([...args, '--json'])
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.error.exit_code).toBe(code)
  })
})
