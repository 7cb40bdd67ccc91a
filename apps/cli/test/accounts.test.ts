import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createFakeAccounts } from './fake-accounts.ts'
import { type FakeApi, startFakeApi } from './fake-api.ts'
import { runCli } from './run-cli.ts'
import { uuidOf } from './samples.ts'

let fake: FakeApi
const run = (...args: string[]) => runCli(args, { env: fake.env })

beforeAll(async () => {
  fake = await startFakeApi()
})
afterAll(() => fake.close())
beforeEach(() => {
  Object.assign(fake.state.accounts, createFakeAccounts())
})

describe('api-keys', () => {
  it('lists them', async () => {
    const { stdout, code } = await run('api-keys')
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'ID         NAME     USER               SCOPES       STATUS   LAST USED                 EXPIRES',
      'aaaa0001   laptop   user@example.com   read,write   active   2026-03-01 10:00:00 UTC   never',
    ])
    expect((await run('api-keys', 'ls', '-q')).stdout).toBe('aaaa0001\naaaa0002\n')
    expect(JSON.parse((await run('admin', 'keys', '--json')).stdout)).toHaveLength(2)
  })

  it('makes one, of which the key is the only data', async () => {
    const made = await run('api-keys', 'create', 'bot', '--scopes', 'read,exec', '--expires', '2h')
    expect(made).toMatchObject({ code: 0, stdout: 'gpulab_cccc0001_secret\n', stderr: '' })
    expect(fake.state.accounts.asked).toEqual([{ name: 'bot', scopes: ['read', 'exec'], expires_in: 7200 }])
    const wrong = await run('api-keys', 'create', 'bot', '--scopes', 'root', '--json')
    expect(wrong.code).toBe(2)
    expect(wrong.error).toMatchObject({ code: 'invalid_request', message: '"root" is not a scope.' })
  })

  it('revokes one by name or id, never unasked', async () => {
    expect((await run('api-keys', 'revoke', 'ci')).code).toBe(2)
    expect((await run('api-keys', 'revoke', 'ci', '--force')).stdout).toContain('Revoked ci (aaaa0002)')
    expect((await run('api-keys', 'revoke', 'ci', '--force')).code).toBe(3)
    expect((await run('admin', 'keys', 'revoke', 'aaaa0001', '--force', '-q')).stdout).toBe('aaaa0001\n')
    expect(fake.state.accounts.keys).toEqual([])
  })
})

describe('ssh-keys', () => {
  it('adds one from text or file, lists and removes it by name', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'gpulab-key-')), 'id.pub')
    writeFileSync(file, 'ssh-ed25519 AAAA me\n')
    const added = await run('ssh-keys', 'add', '--name', 'laptop', '--key-file', file)
    expect(added).toMatchObject({ code: 0, stdout: '✓ Added laptop (SHA256:abc)\n' })
    expect(fake.state.accounts.sshKeys[0]?.public_key).toBe('ssh-ed25519 AAAA me\n')
    expect((await run('ssh-keys')).stdout).toContain('laptop   ssh-ed25519   SHA256:abc')
    expect((await run('ssh-keys', 'rm', 'laptop')).code).toBe(2)
    expect((await run('ssh-keys', 'rm', 'laptop', '--force', '-q')).code).toBe(0)
    expect(fake.state.accounts.sshKeys).toEqual([])
  })

  it('sends no private key anywhere', async () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----'
    const refused = await run('ssh-keys', 'add', '--name', 'oops', '--key', key, '--json')
    expect(refused).toMatchObject({ code: 2, error: { code: 'ssh_key_invalid' } })
    expect(fake.state.accounts.sshKeys).toEqual([])
    expect((await run('ssh-keys', 'add', '--name', 'x')).code).toBe(2)
    expect((await run('ssh-keys', 'add', '--name', 'x', '--key-file', '/none')).code).toBe(2)
  })
})

describe('registries', () => {
  const runWith = (stdin: string, ...args: string[]) => runCli(args, { env: fake.env, input: stdin })

  it('logs in with a password from a pipe, lists and logs out', async () => {
    const args = ['registries', 'login', 'ghcr.io', '--username', 'me']
    const done = await runWith('s3cret\n', ...args, '--password-stdin')
    expect(done).toMatchObject({ code: 0, stdout: '✓ Logged in to ghcr.io\n' })
    expect(fake.state.accounts.asked).toEqual([{ registry: 'ghcr.io', username: 'me', password: 's3cret' }])
    expect((await run('registries')).stdout).toMatch(/ghcr\.io +me/)
    expect((await run('registries', 'logout', 'ghcr.io', '-q')).stdout).toBe('ghcr.io\n')
    expect((await run('registries', 'ls', '--json')).stdout).toBe('[]\n')
  })

  it('takes no password that is empty, and asks where nobody answers for none', async () => {
    const args = ['registries', 'login', 'ghcr.io', '--username', 'me', '--json']
    expect(await runWith('\n', ...args, '--password-stdin')).toMatchObject({
      code: 2,
      error: { code: 'input_required', message: 'The password is empty.' },
    })
    expect(await run(...args)).toMatchObject({ code: 2, error: { code: 'input_required' } })
    expect(fake.state.accounts.asked).toEqual([])
  })
})

describe('templates', () => {
  it('are made, changed and deleted by their exact names', async () => {
    const flags = ['--image', 'x:1', '--memory', '64', '--min-gpu-memory', '40GiB', '--ports', '80,81']
    const made = await run('templates', 'create', 'trainer', ...flags, '-e', 'A=1', '--command', 'go')
    expect(made).toMatchObject({ code: 0, stdout: '✓ Made the template trainer\n' })
    const update = ['templates', 'update', 'pytorch-2.1', '--global', '--image', 'x:2']
    expect((await run(...update)).stdout).toBe('✓ Changed the template pytorch-2.1\n')
    expect(fake.state.accounts.asked).toMatchObject([
      {
        name: 'trainer',
        type: 'gpu',
        image: 'x:1',
        memory_bytes: 64 * 2 ** 30,
        min_gpu_memory_bytes: 40 * 2 ** 30,
        ports: [80, 81],
        env: { A: '1' },
        command: 'go',
      },
      { image: 'x:2' },
    ])
    expect((await run('templates', 'rm', 'pytorch', '--global', '--force')).code).toBe(3)
    expect((await run('templates', 'rm', 'pytorch-2.1', '--global', '--force')).stdout).toContain('Deleted')
  })

  it("are the team's own, unless told otherwise", async () => {
    await run('templates', 'create', 'trainer', '--image', 'x:1')
    expect((await run('templates', 'update', 'trainer', '--image', 'x:2')).stdout).toBe(
      '✓ Changed the template trainer\n',
    )
    expect(await run('templates', 'rm', 'pytorch-2.1', '--force', '--json')).toMatchObject({
      code: 3,
      error: { code: 'template_not_found', hint: expect.stringContaining('--global') as string },
    })
    expect((await run('templates', 'rm', 'trainer', '--global', '--force')).stderr).toContain(
      'leave out --global',
    )
    expect((await run('templates', 'rm', 'trainer', '--force')).stdout).toBe('✓ Deleted trainer\n')
    expect((await run('templates', 'rm', 'trainer', '--force')).code).toBe(3)
  })
})

describe('account', () => {
  it('shows who one is, what is left, and the limits', async () => {
    const { stdout, code } = await run('account')
    expect(code).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'Account:     user@example.com (Team: MyTeam)',
      'Role:        owner',
      'API key:     laptop (abc12345; read)',
      'Balance:     $12.50 (prepaid)',
      'This month:  $87.50',
      'Now:         $2.98 an hour',
      '',
      'Limits:',
      '  GPUs: 2 of 8',
      '  Containers: 3 (no limit)',
      '  Volumes: 1 (no limit)',
      '  Volume size: 100 GB of 200 GB',
      '  Sessions: no limit',
      '',
    ])
    expect(JSON.parse((await run('account', '--json')).stdout)).toMatchObject({ billing: { prepaid: true } })
  })

  it('tells what was charged', async () => {
    const { stdout } = await run('usage', '--by', 'gpu-type', '--from', '2026-03-01')
    expect(stdout.split('\n')).toEqual([
      'GPU TYPE   GPU TIME   CHARGE',
      'train      6h         $8.94',
      '                      $8.94',
      '',
    ])
    expect(fake.state.accounts.asked).toEqual([{ by: 'gpu-type', from: '2026-03-01T00:00:00.000Z' }])
    expect((await run('usage', '-q')).stdout).toBe('8.94\n')
    expect((await run('usage', '--from', 'lately')).code).toBe(2)
  })
})

describe('admin', () => {
  it('shows and exports who asked for what', async () => {
    const { stdout } = await run(
      'admin',
      'audit',
      '--user',
      'user@example.com',
      '--action',
      'exec',
      '--limit',
      '5',
    )
    expect(stdout).toContain(`user@example.com   aaaa0001   exec     ${uuidOf('cccccccc')}   exit 2`)
    expect(fake.state.accounts.asked).toEqual([{ limit: 5, user: uuidOf('aaaaaaaa'), action: 'exec' }])
    const exported = (await run('admin', 'audit', '--export')).stdout.trim().split('\n')
    expect(exported.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([7, 8])
  })

  it('deals with money', async () => {
    expect((await run('admin', 'credits', 'research')).stdout).toContain('$100.00   grant')
    await run('admin', 'credits', 'add', 'research', '--note', 'more', '--', '-20')
    const price = await run('admin', 'gpu-types', 'set-price', '4090', '2.5')
    expect(price.stdout).toBe('✓ NVIDIA GeForce RTX 4090 costs $2.5 an hour from now on\n')
    expect(fake.state.accounts.asked).toEqual([
      { amount: '-20', note: 'more' },
      { name: 'NVIDIA GeForce RTX 4090', price_per_hour: '2.5' },
    ])
    const prepaid = await run('admin', 'teams', 'update', 'research', '--prepaid')
    expect(prepaid.stdout).toBe('✓ research pays beforehand, from credits\n')
  })

  it('adds users to a team that it is told by name', async () => {
    const made = await run(
      'admin',
      'users',
      'create',
      'eve@example.com',
      '--team',
      'research',
      '--role',
      'viewer',
    )
    expect(made).toMatchObject({ code: 0, stdout: '✓ eve@example.com is a viewer of research\n' })
    expect(fake.state.accounts.asked).toMatchObject([{ team_uuid: uuidOf('bbbbbbbb'), role: 'viewer' }])
    expect((await run('admin', 'users', 'create', 'eve@example.com', '--team', 'nobody')).code).toBe(3)
  })

  it('changes users, and says what it needs', async () => {
    const { stdout } = await run('admin', 'users', 'update', 'User@example.com', '--disable')
    expect(stdout).toBe('✓ user@example.com is an owner of research, disabled\n')
    expect(fake.state.accounts.asked).toEqual([{ disabled: true }])
    expect((await run('admin', 'users', 'update', 'user@example.com')).code).toBe(2)
    expect((await run('admin', 'users')).stdout).toContain(
      'user@example.com   research   owner   -       active',
    )
    expect((await run('admin', 'teams', '--json')).stdout).toContain('"research"')
  })

  it('makes keys for users', async () => {
    const made = await run('admin', 'keys', 'create', 'first', '--user', 'user@example.com')
    expect(made.stdout).toBe('gpulab_cccc0001_secret\n')
    expect(fake.state.accounts.asked).toEqual([{ name: 'first', user_uuid: uuidOf('aaaaaaaa') }])
  })

  it('shows and changes quotas', async () => {
    const { stdout } = await run('admin', 'quotas', 'set', 'research', '--gpus', '8', '--volume-size', '2TiB')
    expect(stdout.split('\n')).toEqual([
      'TEAM       GPUS   CONTAINERS   VOLUMES   VOLUME SIZE   SESSIONS',
      'research   8      -            -         2 TB          -',
      '',
    ])
    await run('admin', 'quotas', 'set', 'research', '--gpus', 'none')
    expect(fake.state.accounts.teams[0]?.quotas).toMatchObject({ gpus: null, volume_bytes: 2 ** 41 })
    expect((await run('admin', 'quotas', 'set', 'research', '--gpus', 'many')).code).toBe(2)
  })

  it('answers for hosts, too', async () => {
    expect((await run('admin', 'hosts')).stdout).toContain('gpu-1')
  })
})
