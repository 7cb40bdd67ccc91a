import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { buildRelease } from './build-release.ts'
import { ownTarget, targets } from './targets.ts'
import { toReleaseReadme } from './to-release-readme.ts'

const checkout = join(import.meta.dirname, '../../..')
const help = `npm run release:build [-- OPTIONS]: make everything that a release consists of

  --out DIR   where (dist/release)
  --own       only for this machine's system`

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(checkout, 'dist/release') },
    own: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) process.stdout.write(`${help}\n`)
else {
  const own = ownTarget()
  await buildRelease({
    version: await readVersion(),
    targets: values.own ? (own ? [own] : []) : targets,
    outDirectory: values.out,
    time: await commitTime(),
    readme: toReleaseReadme(await readFile(join(checkout, 'README.md'), 'utf8')),
    tell: (line) => void process.stdout.write(`${line}\n`),
  })
  process.stdout.write(`All of it is in ${values.out}\n`)
}

async function readVersion(): Promise<string> {
  const text = await readFile(join(checkout, 'apps/cli/package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** So that two builds of one commit are the same. */
async function commitTime(): Promise<Date> {
  const given = process.env['SOURCE_DATE_EPOCH']
  if (given) return new Date(Number(given) * 1000)
  const { stdout } = await promisify(execFile)('git', ['log', '-1', '--format=%ct'], { cwd: checkout }).catch(
    () => ({
      stdout: '0',
    }),
  )
  return new Date(Number(stdout.trim()) * 1000)
}
