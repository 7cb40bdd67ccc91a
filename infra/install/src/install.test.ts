import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type LyingServer, startLyingServer } from './lying-server.ts'

const script = join(import.meta.dirname, '../install.sh')
const root = mkdtempSync(join(tmpdir(), 'gpulab-install-'))
const program = (version: string): string => `#!/bin/sh\necho "gpulab ${version} (test)"\n`
let server: LyingServer
let home: string
let directory: string

beforeAll(async () => {
  const folder = mkdtempSync(join(root, 'release-'))
  writeFileSync(join(folder, 'gpulab'), program('v9.9.9'), { mode: 0o755 })
  server = await startLyingServer(execFileSync('tar', ['-czf', '-', '-C', folder, 'gpulab']))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(() => {
  server.lie = 'none'
  server.asked.length = 0
  home = mkdtempSync(join(root, 'home-'))
  directory = join(home, 'bin')
})

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function install(env: Record<string, string> = {}, shell = 'sh'): Promise<Outcome> {
  const options = {
    env: {
      HOME: home,
      TMPDIR: home,
      PATH: `${directory}:${process.env['PATH']}`,
      GPULAB_DOWNLOAD_URL: server.url,
      GPULAB_INSTALL_DIR: directory,
      ...env,
    },
  }
  return promisify(execFile)(shell, [script], options)
    .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }))
    .catch((error: Outcome) => error)
}

describe('install.sh', () => {
  it.each(['sh', 'bash'])('installs, and says how to go on (%s)', async (shell) => {
    const { code, stdout, stderr } = await install({}, shell)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`✓ gpulab v9.9.9 (test) installed to ${directory}/gpulab`)
    expect(stdout).toContain('gpulab auth login')
    expect(readFileSync(join(directory, 'gpulab'), 'utf8')).toBe(program('v9.9.9'))
    expect(statSync(join(directory, 'gpulab')).mode & 0o777).toBe(0o755)
    expect(readdirSync(home)).toEqual(['bin'])
    expect(readdirSync(directory)).toEqual(['gpulab'])
  })

  it('takes the version that is asked for, else the latest', async () => {
    await install()
    await install({ GPULAB_VERSION: 'v1.2.0' })
    expect(server.asked).toEqual([
      '/latest/download/checksums.txt',
      expect.stringMatching(/^\/latest\/download\/gpulab_\w+\.tar\.gz$/),
      '/download/v1.2.0/checksums.txt',
      expect.stringMatching(/^\/download\/v1\.2\.0\/gpulab_\w+\.tar\.gz$/),
    ])
  })

  it.each([
    ['missing', 'could not be downloaded'],
    ['truncated', 'could not be downloaded'],
    ['short', 'checksum'],
    ['corrupted', 'checksum'],
    ['page', 'checksum'],
    ['no-checksums', 'could not be downloaded'],
    ['other-checksums', 'no checksum of'],
  ] as const)('leaves everything as it was when the server lies (%s)', async (lie, text) => {
    await mkdir(directory)
    writeFileSync(join(directory, 'gpulab'), program('v1.0.0'), { mode: 0o755 })
    server.lie = lie
    const { code, stderr } = await install()
    expect(code).toBe(1)
    expect(stderr).toContain(text)
    expect(readFileSync(join(directory, 'gpulab'), 'utf8')).toBe(program('v1.0.0'))
    expect(readdirSync(directory)).toEqual(['gpulab'])
    expect(readdirSync(home)).toEqual(['bin'])
  })

  it('does nothing when only a part of it has come', async () => {
    const lines = readFileSync(script, 'utf8').split('\n')
    const last = lines.lastIndexOf('main')
    for (const end of [last, last - 3, last - 20, 60, 40]) {
      const child = spawn('sh', [], {
        env: {
          HOME: home,
          PATH: process.env['PATH'],
          GPULAB_DOWNLOAD_URL: server.url,
          GPULAB_INSTALL_DIR: directory,
        },
        stdio: ['pipe', 'ignore', 'ignore'],
      })
      child.stdin.end(lines.slice(0, end).join('\n'))
      await once(child, 'close')
    }
    expect(server.asked).toEqual([])
    expect(readdirSync(home)).toEqual([])
  })

  it('tells when another gpulab comes first in PATH', async () => {
    const other = join(home, 'other')
    await mkdir(other)
    writeFileSync(join(other, 'gpulab'), program('v0.1.0'), { mode: 0o755 })
    const { code, stderr } = await install({ PATH: `${other}:${directory}:${process.env['PATH']}` })
    expect(code).toBe(0)
    expect(stderr).toContain(`${other}/gpulab comes first in PATH`)
  })

  it('tells when its folder is not in PATH', async () => {
    const { code, stderr } = await install({ PATH: process.env['PATH'] ?? '' })
    expect(code).toBe(0)
    expect(stderr).toContain(`export PATH="${directory}:$PATH"`)
  })

  it('says so where there is no release for the machine, or nowhere to write', async () => {
    const tools = join(home, 'tools')
    await mkdir(tools)
    writeFileSync(join(tools, 'uname'), '#!/bin/sh\necho sparc64\n', { mode: 0o755 })
    const odd = await install({ PATH: `${tools}:${process.env['PATH']}` })
    expect(odd).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no release for sparc64') })
    writeFileSync(join(home, 'file'), '')
    const nowhere = await install({ GPULAB_INSTALL_DIR: join(home, 'file/bin') })
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('GPULAB_INSTALL_DIR') })
    expect(server.asked).toEqual([])
  })
})
