import { eventually } from '@gpulab/testing'
import { cpus } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost

beforeAll(async () => {
  host = await startTestHost({
    GPULAB_MEMORY: '8GiB',
    GPULAB_OVERCOMMIT: '2',
    GPULAB_DEPLOY_TIMEOUT: '77',
  })
})
afterAll(() => host[Symbol.asyncDispose]())

describe('the hello', () => {
  it('tells what placement needs', () => {
    expect(host.control.hellos[0]).toMatchObject({
      cpus: cpus().length * 2,
      memory_bytes: 16 * 2 ** 30,
      images: [host.engine.image],
      deploy_timeout: 77,
      volumes: [{ driver: 'local', size_bytes: expect.any(Number) as number }],
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'engine', level: expect.any(String) }),
      ]),
      engine: { available: true },
    })
    expect(host.control.hellos[0]?.disk_bytes).toBeGreaterThan(2 ** 30)
  })

  it('names the images that are there, but not the files of a container', async () => {
    const first = await host.deploy()
    host.control.want({ ...first, generation: 2, base_generation: 1, attempt: 2 })
    await host.control.settled(first.uuid)
    const { engine } = host.engine
    await engine.getImage(host.engine.image).tag({ repo: 'gpulab-test/another', tag: '1' })
    await host.agent.kill('SIGTERM')
    await host.agent.start()
    const images = host.control.hellos.at(-1)?.images ?? []
    expect(images.toSorted()).toEqual([host.engine.image, 'gpulab-test/another:1'].toSorted())
  })
})

describe('a host on which nothing changes', () => {
  it('sends heartbeats in place of reports', async () => {
    const { heartbeats, reports } = host.control
    await eventually(
      () => {
        const { boot_id, seq: report_seq } = reports.at(-1) ?? {}
        expect(heartbeats.at(-1)).toMatchObject({ boot_id, report_seq })
      },
      { timeoutMs: 30_000 },
    )
  })
})
