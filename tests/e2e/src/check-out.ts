import { run } from '@gpulab/testing'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkout, type Programs, programsOf } from './programs.ts'

/** Another commit of this repository in that folder, installed and built. */
export async function checkOut(commit: string, dir: string): Promise<Programs> {
  await must('git', ['clone', '--quiet', '--shared', '--no-checkout', checkout, dir])
  await must('git', ['-C', dir, 'checkout', '--quiet', commit])
  const { packageManager } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as {
    packageManager: string
  }
  const install = `npx --yes ${packageManager} install --frozen-lockfile --prefer-offline`
  await must('sh', ['-c', `cd "$1" && ${install}`, 'sh', dir])
  const build = "const { setup } = await import('./infra/up/src/cli-global-setup.ts'); await setup()"
  const node = join(dir, 'node_modules/.bin/node')
  await must('sh', ['-c', 'cd "$1" && exec "$2" --input-type=module -e "$3"', 'sh', dir, node, build])
  return programsOf(dir)
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(command, args)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
}
