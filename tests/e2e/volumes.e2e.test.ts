import type { Container, Volume } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSystem, type System } from './src/start-system.ts'

let system: System

beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

const mib = 2 ** 20
const sh = (container: string, script: string) => system.gpulab(['exec', container, '--', 'sh', '-c', script])
const deploy = (name: string, ...volumes: string[]): Promise<Container> =>
  system.json<Container>(
    'deploy',
    '--name',
    name,
    '--template',
    'ubuntu',
    '--memory',
    '1',
    '--wait',
    ...volumes,
  )
async function volumes<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await system.gpulab(['volumes', ...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}
const info = (): Promise<Volume> => volumes<Volume>('info', 'my-data')

describe('a volume', () => {
  it('is made, filled, grown while it is written to, shared, and deleted', async () => {
    const made = await volumes<Volume>('create', '--name', 'my-data', '--size', '256MiB')
    expect(made).toMatchObject({ status: 'available', driver: 'local', host: 'host-one' })
    if (made.enforced !== true)
      process.stderr.write('\n!!! SIZES OF VOLUMES ARE NOT ENFORCED ON THIS MACHINE\n\n')

    const writer = await deploy('writer', '--volume', 'my-data', '--mount-path', '/workspace')
    expect(writer.volumes).toMatchObject([{ name: 'my-data', mount_path: '/workspace', read_only: false }])
    if (made.enforced === true) {
      const full = await sh('writer', 'dd if=/dev/zero of=/workspace/big bs=1M')
      expect(full.code).toBe(1)
      expect(full.stderr).toMatch(/No space left on device/)
      const waiting = sh(
        'writer',
        'until dd if=/dev/zero of=/workspace/more bs=1M count=100 conv=fsync 2>/dev/null; do sleep 0.1; done; echo done',
      )
      const resized = await volumes<Volume>('resize', 'my-data', '--size', '512MiB')
      expect(resized).toMatchObject({ status: 'available', size_bytes: 512 * mib })
      expect((await waiting).stdout).toBe('done\n')
      const tooMuch = await system.gpulab(['volumes', 'resize', 'my-data', '--size', '900TiB'])
      expect(tooMuch.code).toBe(6)
    }

    await sh('writer', 'echo hello > /workspace/note')
    await deploy('reader', '--volume', 'my-data:/data:ro')
    expect((await sh('reader', 'cat /data/note')).stdout).toBe('hello\n')
    expect((await sh('reader', 'echo no > /data/note')).code).not.toBe(0)

    expect((await info()).containers.map(({ name }) => name)).toEqual(['writer', 'reader'])
    const refused = await system.gpulab(['volumes', 'rm', 'my-data', '--force'])
    expect(refused.code).toBe(5)
    expect(refused.stderr).toMatch(/belongs to 2 containers: writer, reader/)
    const page = await system.gpulab(['volumes'])
    expect(page.stdout).toMatch(/NAME +SIZE +USED +STATUS +CONTAINERS\nmy-data .*available +writer, reader/)
    expect((await system.gpulab(['inspect', 'reader'])).stdout).toContain('my-data → /data (read-only)')
  })

  it('outlives its containers and a kill of the agent', async () => {
    await system.agent.stop('SIGKILL')
    await system.startAgent()
    await eventually(async () => expect((await sh('writer', 'cat /workspace/note')).stdout).toBe('hello\n'), {
      timeoutMs: 30_000,
    })
    await system.gpulab(['rm', 'writer', 'reader', '--force'])
    await deploy('second', '--volume', 'my-data:/again')
    expect((await sh('second', 'cat /again/note')).stdout).toBe('hello\n')
    await system.gpulab(['rm', 'second', '--force'])
  })

  it('goes when nobody has it any more', async () => {
    await eventually(
      async () => {
        const { code, stderr } = await system.gpulab(['volumes', 'rm', 'my-data', '--force'])
        if (code !== 0) throw new Error(stderr)
      },
      { timeoutMs: 60_000 },
    )
    await eventually(async () => expect(await volumes()).toEqual([]), { timeoutMs: 60_000 })
  })
})
