import { agent, type Client, type TargetContainer, type TargetVolume } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'
import {
  canMountImages,
  makeVolume,
  mib,
  removeContainer,
  sh,
  volumesFolder,
  withVolume,
} from './volume-host.ts'

const enforced = await canMountImages()
const base64 = (path: string): string => Buffer.from(path).toString('base64')
let host: TestHost
let volume: TargetVolume
let container: TargetContainer

beforeAll(async () => {
  host = await startTestHost()
  volume = await makeVolume(host)
  container = await host.deploy(withVolume(volume))
})
afterAll(() => host?.[Symbol.asyncDispose]())

const files = async (): Promise<Client<typeof agent>['volumeFiles']> =>
  (await host.control.host()).volumeFiles
const read = async (name: string): Promise<string> => {
  const { body } = await (await files()).read({ params: volume, query: { path: base64(name) } })
  return text(body)
}
/** Of a length that is told, the volume's process takes it from the connection itself. */
const write = async (name: string, body: AsyncIterable<Uint8Array>, size?: number) =>
  (await files()).write(
    { params: volume, query: { path: base64(name), ...(size !== undefined && { size }) }, body },
    { ...(size !== undefined && { headers: { 'content-length': String(size) } }) },
  )
async function* repeat(chunk: Buffer, times: number, onPart: (part: number) => void = () => {}) {
  for (let part = 0; part < times; part++) {
    onPart(part)
    yield chunk
  }
}
const staged = (): Promise<string[]> =>
  readdir(join(volumesFolder(host), enforced ? 'mounts' : 'folders', volume.uuid, 'staging'))

const lengths = [
  ['is told', true],
  ['nobody knows', false],
] as const

describe('the files of a volume', () => {
  it('are the same for its containers and for the control plane', async () => {
    await sh(host, container, 'mkdir /workspace/d; echo from inside > /workspace/d/a')
    expect(await read('d/a')).toBe('from inside\n')
    await write('d/b', repeat(Buffer.from('from outside\n'), 1))
    expect((await sh(host, container, 'cat /workspace/d/b')).stdout).toBe('from outside\n')
    const { items } = await (await files()).list({ params: volume, query: { path: base64('d') } })
    expect(items.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it.skipIf(!enforced).each(lengths)(
    'never exceed its size: what does not fit is not there, and what was there is (of a length that %s)',
    async (_, isTold) => {
      await write('kept', repeat(Buffer.from('kept'), 1))
      const large = repeat(Buffer.alloc(mib), 400)
      await expect(write('kept', large, isTold ? 400 * mib : undefined)).rejects.toMatchObject({
        code: 'space_exhausted',
      })
      expect(await read('kept')).toBe('kept')
      await eventually(async () => expect(await staged()).toEqual([]))
      await write('kept', repeat(Buffer.alloc(mib), 20))
    },
  )

  it.each(lengths)(
    'are whole or as they were when the agent is killed in the middle of an upload (of a length that %s)',
    async (_, isTold) => {
      await write('model', repeat(Buffer.from('old'), 1))
      const half = Promise.withResolvers<void>()
      const never = Promise.withResolvers<void>()
      const body = async function* () {
        yield* repeat(Buffer.alloc(mib), 20)
        half.resolve()
        await never.promise
      }
      const upload = write('model', body(), isTold ? 30 * mib : undefined).catch((error: unknown) => error)
      await half.promise
      await eventually(async () => expect(await staged()).toHaveLength(1))
      await host.agent.kill('SIGKILL')
      await upload
      never.resolve()
      await host.agent.start()
      expect((await sh(host, container, 'cat /workspace/model')).stdout).toBe('old')
      // The next that is asked finds what was left, and removes it.
      expect(await read('model')).toBe('old')
      expect(await staged()).toEqual([])
    },
  )

  it('can be removed by asking again after a kill in the middle', async () => {
    await sh(host, container, 'mkdir -p /workspace/big; cd /workspace/big; seq 1 30000 | xargs touch')
    const query = { path: base64('big'), recursive: 'true' as const }
    const removal = (await files()).remove({ params: volume, query }).catch((error: unknown) => error)
    await host.agent.kill('SIGKILL')
    await removal
    await host.agent.start()
    await (await files()).remove({ params: volume, query }).catch((error: { code: string }) => {
      expect(error.code).toBe('path_not_found')
    })
    expect((await sh(host, container, 'ls /workspace')).stdout).not.toMatch(/big/)
    expect((await sh(host, container, 'cat /workspace/d/a')).stdout).toBe('from inside\n')
  })

  it('are served by a process that ends with its agent', async () => {
    await read('d/a')
    // Those of agents that were killed before this may just be ending.
    await eventually(async () => expect(await find('volume-worker|worker/main.ts')).toHaveLength(1))
    await host.agent.kill('SIGKILL')
    await eventually(async () => expect(await find('volume-worker|worker/main.ts')).toEqual([]), {
      timeoutMs: 20_000,
    })
    await host.agent.start()
    await removeContainer(host, container)
  })
})

/** Processes of this volume whose command line matches. */
async function find(pattern: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return new RegExp(pattern).test(line) && line.includes(volume.uuid) ? [pid] : []
    }),
  )
  return found.flat()
}
