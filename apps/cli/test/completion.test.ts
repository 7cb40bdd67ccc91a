import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { createHome, program, runCli } from './run-cli.ts'

let fake: FakeApi
beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())

const complete = async (line: string, env: Record<string, string> = fake.env): Promise<string[]> => {
  const { stdout, stderr } = await runCli(['--', ...line.split(' ')], {
    env: { ...env, GPULAB_COMPLETE: '1' },
  })
  expect(stderr).toBe('')
  return stdout.split('\n').slice(0, -1)
}

describe('what may come next', () => {
  it('are commands, flags and values', async () => {
    expect(await complete('in')).toEqual(['inspect'])
    expect(await complete('auth ')).toEqual(['login', 'logout', 'status', 'whoami'])
    expect(await complete('ls --sta')).toEqual(['--status'])
    expect(await complete('ls --status run')).toEqual(['running'])
    expect(await complete('containers ')).toContain('inspect')
  })

  it('are names', async () => {
    expect(await complete('inspect my-t')).toEqual(['my-training-job'])
    expect(await complete('exec ')).toContain('my-training-job')
    expect((await complete('deploy --template py')).every((name) => name.startsWith('py'))).toBe(true)
  })

  it('is nothing, without a word, where nobody can be asked', async () => {
    expect(
      await complete('inspect ', { GPULAB_API_URL: 'http://127.0.0.1:1', GPULAB_API_KEY: 'gpulab_x_y' }),
    ).toEqual([])
    expect(await complete('inspect ', {})).toEqual([])
  })

  it('is asked for once in a while only', async () => {
    const env = { ...fake.env, HOME: createHome() }
    const cache = { ...env, XDG_CACHE_HOME: join(env.HOME, 'cache') }
    expect(await complete('inspect my', cache)).toEqual(['my-training-job'])
    // Nobody is there any more, but the names are.
    const [name] = await complete('inspect my', cache)
    expect(name).toBe('my-training-job')
  })
})

describe('the scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s is printed', async (shell) => {
    const { code, stdout } = await runCli(['completion', shell])
    expect(code).toBe(0)
    expect(stdout).toContain('GPULAB_COMPLETE=1')
  })

  it('for bash completes, names with spaces too', async () => {
    const home = createHome()
    const { stdout: script } = await runCli(['completion', 'bash'])
    const fakeProgram = join(home, 'gpulab')
    writeFileSync(fakeProgram, `#!/bin/sh\nexec ${program.map((word) => `'${word}'`).join(' ')} "$@"\n`)
    chmodSync(fakeProgram, 0o755)
    const ask = async (line: string): Promise<string[]> => {
      const { stdout } = await promisify(execFile)(
        'bash',
        [
          '-c',
          `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _gpulab; printf '%s\\n' "\${COMPREPLY[@]}"`,
        ],
        {
          env: { ...process.env, ...fake.env, HOME: home, PATH: `${home}:${process.env['PATH']}` },
          encoding: 'utf8',
        },
      )
      return stdout.trim().split('\n')
    }
    expect(await ask('gpulab ins')).toEqual(['inspect'])
    expect(await ask('gpulab inspect my')).toEqual(['my-training-job'])
    const types = await ask('gpulab deploy --gpu-type "NVIDIA"')
    expect(types.length).toBeGreaterThan(0)
    expect(types.every((name) => name.startsWith(String.raw`NVIDIA\ `))).toBe(true)
  })

  it('refuses other shells', () => {
    expect(spawnSync(program[0] ?? '', [...program.slice(1), 'completion', 'tcsh']).status).toBe(2)
  })
})
