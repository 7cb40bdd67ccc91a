import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type LyingServer, startLyingServer } from './lying-server.ts'

const script = join(import.meta.dirname, '../agent.sh')
const unit = join(import.meta.dirname, '../gpulab-agent.service')
const root = mkdtempSync(join(tmpdir(), 'gpulab-agent-install-'))
const servers: Record<'old' | 'new' | 'broken', LyingServer> = {} as never
let machine: string

/** What a release has in it, with a program that notes how it is called. */
function packRelease(version: string, isWell: boolean): Buffer {
  const folder = mkdtempSync(join(root, 'release-'))
  const program = `#!/bin/sh
case $1 in
  --version) echo ${version} ;;
  status) ${isWell ? 'exit 0' : 'exit 1'} ;;
  join) echo "join $*" >>"$GPULAB_ROOT/calls"; mkdir -p "$GPULAB_ROOT/var/lib/gpulab/agent"; : >"$GPULAB_ROOT/var/lib/gpulab/agent/identity.json" ;;
  *) echo "agent $* $GPULAB_MARK" >>"$GPULAB_ROOT/calls" ;;
esac
`
  writeFileSync(join(folder, 'gpulab-agent'), program, { mode: 0o755 })
  writeFileSync(join(folder, 'gpulab-agent.service'), `${readFileSync(unit, 'utf8')}# ${version}\n`)
  return execFileSync('tar', ['-czf', '-', '-C', folder, '.'])
}

beforeAll(async () => {
  const start = (version: string, isWell: boolean) =>
    startLyingServer(packRelease(version, isWell), 'gpulab-agent_')
  servers.old = await start('1.0.0', true)
  servers.new = await start('2.0.0', true)
  servers.broken = await start('3.0.0', false)
})
afterAll(async () => {
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(() => {
  for (const server of Object.values(servers)) server.lie = 'none'
  machine = mkdtempSync(join(root, 'machine-'))
  const tools = join(machine, 'tools')
  mkdirSync(tools)
  const tool = (name: string, body: string) =>
    writeFileSync(join(tools, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  tool('systemctl', 'echo "systemctl $*" >>"$GPULAB_ROOT/calls"')
  tool('docker', 'cat "$GPULAB_ROOT/containers" 2>/dev/null || true')
  tool('id', 'echo 0')
})

const calls = (): string =>
  existsSync(join(machine, 'calls')) ? readFileSync(join(machine, 'calls'), 'utf8') : ''
const current = (): string => readlinkSync(join(machine, 'opt/gpulab-agent/current'))

async function agent(
  which: keyof typeof servers,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = {
    env: {
      PATH: `${machine}/tools:${process.env['PATH']}`,
      TMPDIR: machine,
      GPULAB_ROOT: machine,
      GPULAB_START_TRIES: '1',
      GPULAB_DOWNLOAD_URL: servers[which].url,
      ...env,
    },
  }
  return promisify(execFile)('sh', [script, ...args], options)
    .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }))
    .catch((error: { code: number; stdout: string; stderr: string }) => error)
}

const joining = { GPULAB_API_URL: 'https://gpulab.example.com', GPULAB_JOIN_TOKEN_FILE: '/token' }

describe('agent.sh', () => {
  it('makes a machine a host', async () => {
    const outcome = await agent('old', [], joining)
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(outcome.stdout).toContain('✓ gpulab-agent 1.0.0 runs on this machine')
    expect(calls()).toBe(
      [
        'systemctl daemon-reload',
        'join join --api https://gpulab.example.com --token-file /token',
        'systemctl enable --quiet gpulab-agent',
        'systemctl restart gpulab-agent',
        'systemctl is-active --quiet gpulab-agent',
        '',
      ].join('\n'),
    )
    expect(readFileSync(join(machine, 'etc/systemd/system/gpulab-agent.service'), 'utf8')).toContain(
      '# 1.0.0',
    )
    expect(current()).toBe('versions/1.0.0')
  })

  it('says what is missing where there is no token, and starts nothing', async () => {
    const { code, stdout } = await agent('old')
    expect(code).toBe(0)
    expect(stdout).toContain('gpulab-agent join --api URL --token-file FILE')
    expect(calls()).not.toMatch(/restart|enable/)
  })

  it('brings a host up to date, keeps its settings, and the version of before for who wants it back', async () => {
    await agent('old', [], joining)
    const settings = join(machine, 'etc/gpulab/agent.env')
    writeFileSync(settings, 'GPULAB_MARK=mine\n')
    expect(await agent('new')).toMatchObject({ code: 0 })
    expect(current()).toBe('versions/2.0.0')
    expect(readdirSync(join(machine, 'opt/gpulab-agent/versions')).toSorted()).toEqual(['1.0.0', '2.0.0'])
    expect(readFileSync(settings, 'utf8')).toBe('GPULAB_MARK=mine\n')
    expect(calls().match(/^join/gm)).toHaveLength(1)
    // Again is nothing but a restart.
    expect(await agent('new')).toMatchObject({ code: 0 })
    expect(readdirSync(join(machine, 'opt/gpulab-agent/versions'))).toEqual(['2.0.0'])
  })

  it('takes back a version that does not start', async () => {
    await agent('old', [], joining)
    const { code, stderr } = await agent('broken')
    expect(code).toBe(1)
    expect(stderr).toContain('Version 3.0.0 does not start here, so 1.0.0 is back')
    expect(current()).toBe('versions/1.0.0')
    expect(readFileSync(join(machine, 'etc/systemd/system/gpulab-agent.service'), 'utf8')).toContain(
      '# 1.0.0',
    )
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
    await agent('old', [], joining)
    const before = calls()
    servers.new.lie = lie
    const { code, stderr } = await agent('new')
    expect(code).toBe(1)
    expect(stderr).toContain(text)
    expect(current()).toBe('versions/1.0.0')
    expect(readdirSync(join(machine, 'opt/gpulab-agent/versions'))).toEqual(['1.0.0'])
    expect(calls()).toBe(before)
  })

  it('does nothing when only a part of it has come', async () => {
    const lines = readFileSync(script, 'utf8').split('\n')
    const last = lines.lastIndexOf('main "$@"')
    for (const end of [last, last - 3, last - 20, 120, 60]) {
      const child = spawn('sh', [], {
        env: { PATH: `${machine}/tools:${process.env['PATH']}`, GPULAB_ROOT: machine },
        stdio: ['pipe', 'ignore', 'ignore'],
      })
      child.stdin.end(lines.slice(0, end).join('\n'))
      await once(child, 'close')
    }
    expect(readdirSync(machine)).toEqual(['tools'])
  })

  it('goes away and leaves the key, or with --purge nothing but volumes', async () => {
    await agent('old', [], joining)
    const state = join(machine, 'var/lib/gpulab/agent')
    expect(await agent('old', ['uninstall'])).toMatchObject({ code: 0 })
    expect(calls()).toMatch(/systemctl disable --now --quiet gpulab-agent\nagent cleanup/)
    expect(existsSync(join(machine, 'opt/gpulab-agent'))).toBe(false)
    expect(existsSync(join(machine, 'etc/systemd/system/gpulab-agent.service'))).toBe(false)
    expect(readdirSync(state)).toEqual(['identity.json'])
    await agent('old')
    mkdirSync(join(state, 'volumes'))
    expect(await agent('old', ['uninstall', '--purge'])).toMatchObject({ code: 0 })
    expect(readdirSync(state)).toEqual(['volumes'])
  })

  it('does not leave containers of users behind unless it is told to', async () => {
    await agent('old', [], joining)
    writeFileSync(join(machine, 'containers'), 'abc\ndef\n')
    const { code, stderr } = await agent('old', ['uninstall'])
    expect(code).toBe(1)
    expect(stderr).toContain('2 containers of users run on this machine')
    expect(current()).toBe('versions/1.0.0')
    expect(await agent('old', ['uninstall', '--force'])).toMatchObject({ code: 0 })
    // Their firewall stays.
    expect(calls()).not.toContain('agent cleanup')
  })

  it('is for root on a machine with systemd', async () => {
    writeFileSync(join(machine, 'tools/id'), '#!/bin/sh\necho 1000\n', { mode: 0o755 })
    expect(await agent('old')).toMatchObject({ code: 1, stderr: expect.stringContaining('Only root') })
    expect(existsSync(join(machine, 'opt'))).toBe(false)
  })
})
