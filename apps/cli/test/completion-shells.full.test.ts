import { findProgram, installPackages } from '@gpulab/images'
import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { createHome, program, runCli } from './run-cli.ts'

let fake: FakeApi
let home: string

beforeAll(async () => {
  for (const shell of ['zsh', 'fish']) {
    if (!(await findProgram(shell))) await installPackages([shell], 'The test of completion')
  }
  fake = await startFakeApi()
  home = createHome()
  await writeFile(
    join(home, 'gpulab'),
    `#!/bin/sh\nexec ${program.map((word) => `'${word}'`).join(' ')} "$@"\n`,
  )
  await chmod(join(home, 'gpulab'), 0o755)
})
afterAll(() => fake.close())

async function inShell(shell: string, args: string[]): Promise<string> {
  const env = { ...process.env, ...fake.env, HOME: home, PATH: `${home}:${process.env['PATH']}` }
  return (await promisify(execFile)(shell, args, { env, timeout: 60_000 })).stdout
}
async function saveScript(shell: string, file: string): Promise<void> {
  await writeFile(join(home, file), (await runCli(['completion', shell])).stdout)
}

it('completes in fish', async () => {
  await saveScript('fish', 'gpulab.fish')
  const ask = (line: string) =>
    inShell('fish', ['--no-config', '-c', `source ${home}/gpulab.fish; complete -C "${line}"`])
  expect(await ask('gpulab ins')).toBe('inspect\n')
  expect(await ask('gpulab ls --status run')).toBe('running\n')
  expect(await ask('gpulab inspect my')).toBe('my-training-job\n')
  expect(await ask('gpulab deploy --gpu-type NVIDIA')).toMatch(/^NVIDIA GeForce RTX 3090$/m)
})

it('completes in zsh, as one types', async () => {
  await saveScript('zsh', '_gpulab')
  // What the terminal shows after a tab.
  const ask = (line: string, wanted: string) =>
    inShell('zsh', [
      '-f',
      '-c',
      `zmodload zsh/zpty
       zpty shell "zsh -f -i"
       zpty -w shell "PS1=; fpath=(${home} \\$fpath); autoload -U compinit; compinit -u -D; print REA''DY"
       zpty -r shell out "*READY*"
       zpty -n -w shell $'${line}\\t'
       zpty -r shell out "*${wanted}*" && print shown`,
    ])
  expect(await ask('gpulab ins', 'inspect')).toBe('shown\n')
  expect(await ask('gpulab ls --sta', '--status')).toBe('shown\n')
  expect(await ask('gpulab inspect my', 'my-training-job')).toBe('shown\n')
})
