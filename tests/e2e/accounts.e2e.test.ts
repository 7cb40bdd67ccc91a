import type { Account, Container, Template } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkOutput } from './src/check-output.ts'
import { startSystem, type System } from './src/start-system.ts'

let system: System
let member: string
let viewer: string

const gpu = 'NVIDIA GeForce RTX 4090'

/** The CLI of another user. */
const as = (key: string, ...args: string[]) => system.gpulab(args, { env: { GPULAB_API_KEY: key } })
async function read<T>(key: string, ...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await as(key, ...args, '--json')
  if (code !== 0) throw new Error(stderr)
  return checkOutput(args, JSON.parse(stdout) as T)
}
async function admin(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await system.gpulab(['admin', ...args])
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}
async function addUser(email: string, role: string): Promise<string> {
  await admin('users', 'create', email, '--team', 'research', '--role', role)
  return admin('keys', 'create', 'first', '--user', email, '-q')
}

beforeAll(async () => {
  system = await startSystem()
  await admin('teams', 'create', 'research')
  member = await addUser('mia@example.com', 'member')
  viewer = await addUser('vic@example.com', 'viewer')
})
afterAll(() => system?.[Symbol.asyncDispose]())

const deploy = (key: string, name: string, ...more: string[]) =>
  as(key, 'deploy', '--name', name, '--template', 'ubuntu', '--memory', '1', '--wait', ...more)

describe('a team that pays in advance', () => {
  it('deploys once it has credit, and is charged for what its GPUs run', { timeout: 120_000 }, async () => {
    await admin('gpu-types', 'set-price', gpu, '360')
    await admin('teams', 'update', 'research', '--prepaid')
    const refused = await deploy(member, 'train', '--gpu-type', gpu)
    expect(refused).toMatchObject({ code: 6, stdout: '' })
    expect(refused.stderr).toMatch(/balance/i)
    await admin('credits', 'add', 'research', '500', '--note', 'invoice 17')
    expect(await deploy(member, 'train', '--gpu-type', gpu)).toMatchObject({ code: 0 })
    await eventually(
      async () => {
        const { billing } = await read<Account>(member, 'account')
        expect(billing).toMatchObject({ prepaid: true, per_hour: '360.00' })
        expect(Number(billing.balance)).toBeLessThan(500)
      },
      { timeoutMs: 20_000 },
    )
    expect(await as(member, 'rm', 'train', '--force')).toMatchObject({ code: 0 })
    // Charged until its host has let go of it.
    const readBilling = async () => (await read<Account>(member, 'account')).billing
    await eventually(async () => expect((await readBilling()).per_hour).toBe('0.00'), { timeoutMs: 20_000 })
    const { items, total } = await read<{ items: { name: string; charge: string }[]; total: string }>(
      member,
      'usage',
      '--by',
      'container',
    )
    expect(items).toMatchObject([{ name: 'train', charge: total }])
    const { balance } = await readBilling()
    // Rounded for show only.
    expect(Number(balance) + Number(total)).toBeCloseTo(500, 1)
  })

  it('may have what its quota says, also when much is asked for at once', async () => {
    await admin('quotas', 'set', 'research', '--containers', '2')
    const asked = await Promise.all(['a', 'b', 'c', 'd'].map((name) => deploy(member, name)))
    expect(asked.filter(({ code }) => code === 0)).toHaveLength(2)
    const refused = asked.filter(({ code, stderr }) => code === 6 && /2 containers/.test(stderr))
    expect(refused).toHaveLength(2)
  })
})

describe('those who use it', () => {
  it('see and do what their role and their key allow', async () => {
    const [container] = await read<Container[]>(viewer, 'ls')
    const name = container?.name ?? ''
    for (const args of [
      ['exec', name, '--', 'true'],
      ['stop', name],
      ['rm', name, '--force'],
    ]) {
      const { code, stderr } = await as(viewer, ...args)
      // exec has its own code for what is GPULab's.
      expect(code).toBe(args[0] === 'exec' ? 125 : 4)
      expect(stderr).toMatch(/member/)
    }
    const looking = (await as(member, 'api-keys', 'create', 'look', '--scopes', 'read')).stdout.trim()
    expect((await as(looking, 'ls')).code).toBe(0)
    expect((await as(looking, 'stop', name)).stderr).toMatch(/scope/)
    expect((await as(member, 'admin', 'users')).code).toBe(4)
    // The administrator's own team is another one.
    expect((await system.gpulab(['inspect', name])).code).toBe(3)
    const shared = await read<Template[]>(member, 'templates')
    expect(shared.every((template) => template.shared)).toBe(true)
  })

  it('are locked out at once when their key or they themselves are', async () => {
    const key = (await as(member, 'api-keys', 'create', 'short')).stdout.trim()
    expect((await as(key, 'ls')).code).toBe(0)
    await as(member, 'api-keys', 'revoke', 'short', '--force')
    expect(await as(key, 'ls')).toMatchObject({ code: 4, stdout: '' })
    await admin('users', 'update', 'vic@example.com', '--disable')
    expect((await as(viewer, 'ls')).stderr).toMatch(/disabled/)
  })

  it('leave a trace of all that they changed, which nobody can change', async () => {
    const exported = await admin('audit', '--json')
    const entries = JSON.parse(exported) as { actor: { email: string }; action: string }[]
    expect(entries.length).toBeGreaterThan(10)
    expect(exported).toContain('mia@example.com')
    expect(exported).not.toContain(member)
    await expect(system.sql`delete from audit_entries`).rejects.toThrow(/append|only/)
  })
})
