import { downloadPackage, findProgram } from '@gpulab/images'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const names = ['gpulab-agent', 'gpulab-api', 'gpulab-gateway'] as const
const installed = join(import.meta.dirname, '..')
let folder: string
let program: string
let libraries = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-units-'))
  const present = await findProgram('systemd-analyze')
  program = present ?? join(folder, 'systemd/usr/bin/systemd-analyze')
  if (present) return
  await downloadPackage('systemd', join(folder, 'systemd'))
  const { stdout } = await promisify(execFile)('find', [
    join(folder, 'systemd'),
    '-name',
    'libsystemd-shared*',
  ])
  libraries = join(stdout.split('\n')[0] ?? '', '..')
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

const analyze = async (...args: string[]): Promise<string> => {
  const env = { ...process.env, LD_LIBRARY_PATH: libraries, SYSTEMD_PAGER: 'cat' }
  const { stdout, stderr } = await promisify(execFile)(program, args, { env })
  return stdout + stderr
}

describe.each(names)('%s.service', (name) => {
  it('is what systemd takes, without a word', async () => {
    const unit = await readFile(join(installed, `${name}.service`), 'utf8')
    const [, command] = /^ExecStart=(\S+)/m.exec(unit) ?? []
    expect(command).toMatch(new RegExp(`^/opt/gpulab-(agent/current|server)/${name}$`))
    // Of which there is none on this machine.
    const file = join(folder, `${name}.service`)
    await writeFile(file, unit.replace(/^ExecStart=.*/m, 'ExecStart=/bin/true'))
    expect(await analyze('verify', file)).toBe('')
  })

  it('leaves its program no more than it needs', async () => {
    const file = join(installed, `${name}.service`)
    const report = await analyze('security', '--offline=yes', '--no-pager', file)
    const [, level] = /Overall exposure level for \S+: ([\d.]+)/.exec(report) ?? []
    expect(Number(level)).toBeLessThan(name === 'gpulab-agent' ? 6 : 2)
  })
})

it('the agent has no mounts of its own, in which volumes would be hidden from the engine', async () => {
  const unit = await readFile(join(installed, 'gpulab-agent.service'), 'utf8')
  const own =
    /^(Protect(System|Home|Kernel\w+|ControlGroups|Proc|Clock)|Private(Tmp|Devices|Mounts|Users)|\w+Paths|DynamicUser|MountFlags|TemporaryFileSystem|Root\w+)=/m
  expect(unit).not.toMatch(own)
})
