import { commandOutputs, findMismatch } from '@gpulab/contract/outputs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commands } from '../src/commands.ts'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli } from './run-cli.ts'

let fake: FakeApi
beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())

/** They print what a program or the API writes, or nothing. */
const withoutJson = new Set('ssh sessions:attach api schema completion mcp admin:quotas:set'.split(' '))

describe('gpulab schema', () => {
  it('knows every command that prints JSON, and no other', () => {
    const known = Object.keys(commandOutputs).filter((id) => !withoutJson.has(id))
    expect(known.filter((id) => !(id in commands))).toEqual([])
    const missing = Object.keys(commands).filter((id) => !withoutJson.has(id) && !(id in commandOutputs))
    expect(missing, 'add them to packages/contract/src/outputs.ts').toEqual([])
  })

  it('prints a schema of each', async () => {
    for (const id of ['ls', 'sessions:ls', 'deploy', 'version', 'error']) {
      const { code, stdout } = await runCli(['schema', ...id.split(':')])
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: `gpulab ${id.replace(':', ' ')}`,
      })
    }
  })

  it('has of a detached command what its session is', async () => {
    const { exec } = commandOutputs
    const { stdout } = await runCli(['exec', '-d', 'my-training-job', '--json', '--', 'true'], {
      env: fake.env,
    })
    expect(exec && findMismatch(exec, JSON.parse(stdout))).toBeUndefined()
    expect(JSON.parse((await runCli(['schema', 'exec'])).stdout)).toHaveProperty(
      'anyOf.1.description',
      'With --detach.',
    )
  })

  it('says what it has no schema of', async () => {
    expect(await runCli(['schema', 'ssh'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('prints no JSON'),
    })
    expect(await runCli(['schema'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^gpulab: Say of which command\.\n {2}There are schemas of: deploy, ls,/),
    })
    expect(await runCli(['schema', 'nope'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no command'),
    })
  })

  it.each([
    ['ls'],
    ['inspect', 'my-training-job'],
    ['templates'],
    ['gpus'],
    ['version'],
    ['auth:status'],
    ['auth:whoami'],
    ['config:list'],
  ])('holds for what gpulab %s prints', async (id, ...args) => {
    const { stdout } = await runCli([...id.split(':'), ...args, '--json'], { env: fake.env })
    const output = commandOutputs[id]
    expect(output && findMismatch(output, JSON.parse(stdout))).toBeUndefined()
  })

  it('notices keys that are lost or new', () => {
    const { version } = commandOutputs
    const document = { version: '1.0.0', os: 'linux', arch: 'amd64', node: '26.0.0' }
    const { node: _node, ...less } = document
    expect(version && findMismatch(version, document)).toBeUndefined()
    expect(version && findMismatch(version, less)).toContain('node')
    expect(version && findMismatch(version, { ...document, more: 1 })).toBe('.more is not in the schema')
  })
})
