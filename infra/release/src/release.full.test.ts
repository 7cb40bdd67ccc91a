import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildRelease } from './build-release.ts'
import { targets } from './targets.ts'

const run = promisify(execFile)
const arch = process.arch === 'x64' ? 'amd64' : 'arm64'
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-release-'))
  await buildRelease({
    version: '1.2.3',
    targets,
    outDirectory: join(folder, 'release'),
    time: new Date(0),
    readme: 'read me\n',
    tell: () => {},
  })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a release', () => {
  it('has everything under the names of the plan, with checksums that hold', async () => {
    expect((await readdir(join(folder, 'release'))).toSorted()).toEqual([
      'checksums.txt',
      'gpulab-1.2.3.tgz',
      `gpulab-agent_linux_${arch}.tar.gz`,
      `gpulab-server_linux_${arch}.tar.gz`,
      'gpulab_darwin_amd64.tar.gz',
      'gpulab_darwin_arm64.tar.gz',
      'gpulab_linux_amd64.tar.gz',
      'gpulab_linux_arm64.tar.gz',
      'sbom.cdx.json',
    ])
    const { stdout } = await run('sha256sum', ['-c', 'checksums.txt'], { cwd: join(folder, 'release') })
    expect(stdout.match(/: OK$/gm)).toHaveLength(8)
  })

  it('has an npm package that npm installs, with no dependencies', async () => {
    const prefix = join(folder, 'npm')
    const archive = join(folder, 'release/gpulab-1.2.3.tgz')
    await run('npm', ['install', '--global', '--offline', '--prefix', prefix, archive])
    const node = `${join(process.execPath, '..')}:${process.env['PATH']}`
    const { stdout } = await run(join(prefix, 'bin/gpulab'), ['version'], {
      env: { HOME: folder, PATH: node },
    })
    expect(stdout).toMatch(/^gpulab v/)
  })

  it('has a program for this machine that runs', async () => {
    const name = `gpulab_linux_${arch}.tar.gz`
    await run('tar', ['-xzf', join(folder, 'release', name), '-C', folder, 'gpulab'])
    const { stdout } = await run(join(folder, 'gpulab'), ['version'], { env: { HOME: folder } })
    expect(stdout).toMatch(/^gpulab v/)
  })

  it.each([
    ['gpulab-agent', ['gpulab-agent']],
    ['gpulab-server', ['gpulab-api', 'gpulab-gateway']],
  ])('has %s with a Node of its own, wherever it is unpacked', async (name, programs) => {
    const place = join(folder, 'services', name)
    await mkdir(place, { recursive: true })
    await run('tar', ['-xzf', join(folder, 'release', `${name}_linux_${arch}.tar.gz`), '-C', place])
    for (const program of programs) {
      // Nothing of this machine: neither a Node nor a checkout.
      const options = { cwd: '/', env: { PATH: '/usr/bin:/bin' } }
      expect((await run(join(place, program), ['--version'], options)).stdout).toMatch(/\d+\.\d+\.\d+/)
      expect((await run(join(place, program), ['--help'], options)).stdout).toContain('GPULAB_MONITOR_LISTEN')
    }
    expect(await readdir(place)).toEqual(
      expect.arrayContaining(programs.map((program) => `${program}.service`)),
    )
  })
})
