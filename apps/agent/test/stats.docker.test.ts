import { type ContainerStats, readLines, type TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EngineProxy, startEngineProxy } from './engine-proxy.ts'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost
let proxy: EngineProxy
let smiCalls: string
const streams = /^GET .*\/stats\?/
const mib = 2 ** 20

beforeAll(async () => {
  host = await startTestHost(async (engine) => {
    proxy = await startEngineProxy(engine.dockerHost)
    smiCalls = join(engine.gpuFolder, 'calls')
    const counting = join(engine.gpuFolder, 'nvidia-smi')
    await writeFile(counting, `#!/bin/sh\necho "$*" >>'${smiCalls}'\nexec '${engine.nvidiaSmi}' "$@"\n`, {
      mode: 0o755,
    })
    return { DOCKER_HOST: proxy.dockerHost, GPULAB_NVIDIA_SMI: counting }
  })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
})

const open = async (uuid: string, follow: boolean, signal?: AbortSignal) => {
  const client = await host.control.host()
  return client.stats({ params: { uuid }, query: { follow: `${follow}` } }, signal ? { signal } : {})
}
const readOne = async (uuid: string): Promise<ContainerStats> => {
  const samples = await Array.fromAsync(await open(uuid, false))
  expect(samples).toHaveLength(1)
  return samples[0] as ContainerStats
}
/** Watches until `isEnough` or the end, and gives what was seen. */
const watch = async (uuid: string, isEnough: (seen: readonly ContainerStats[]) => boolean) => {
  const seen: ContainerStats[] = []
  for await (const sample of await open(uuid, true)) {
    seen.push(sample)
    if (isEnough(seen)) break
  }
  return seen
}
const deploy = (script: string, fields: Partial<TargetContainer> = {}) =>
  host.deploy({ command: ['sh', '-c', script], ...fields })
const stop = async (wanted: TargetContainer): Promise<void> => {
  host.control.want({ ...wanted, desired: 'stopped' })
  await host.control.settled(wanted.uuid)
}
/** For readers that are there: all of it or nothing. */
async function replaceFile(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content)
  await rename(`${path}.new`, path)
}
const callsOfSmi = async () =>
  (await readFile(smiCalls, 'utf8')).split('\n').filter((line) => line.includes('temperature')).length

/** As `docker stats` computes and prints it. */
async function readFromDocker(uuid: string): Promise<{ memory: number; limit: number; pids: number }> {
  const [found] = await host.list(uuid)
  const stats = await host.engine.engine.getContainer(found?.id ?? '').stats({ stream: false })
  const { usage, limit, stats: details } = stats.memory_stats
  const cache = (details as { total_inactive_file?: number }).total_inactive_file ?? details.inactive_file
  return { memory: usage - cache, limit, pids: stats.pids_stats?.current ?? 0 }
}

/** Percent of a core by the kernel's counter and the time that passed; the engine gives all readers the same samples. */
async function measure(uuid: string, got: Map<string, number>, abortSignal: AbortSignal): Promise<void> {
  const [found] = await host.list(uuid)
  const options = { stream: true as const, abortSignal }
  const body = await host.engine.engine.getContainer(found?.id ?? '').stats(options)
  for await (const line of readLines(body as AsyncIterable<Uint8Array>)) {
    const { read, preread, cpu_stats: now, precpu_stats: before } = JSON.parse(line) as RawSample
    const passed = Date.parse(read) - Date.parse(preread)
    const used = (now.cpu_usage.total_usage - before.cpu_usage.total_usage) / 1e6
    if (passed < 10_000) got.set(new Date(read).toISOString(), (used / passed) * 100)
  }
}

interface RawSample {
  readonly read: string
  readonly preread: string
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
  readonly precpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
}

describe('a sample', () => {
  it('has the memory that docker stats shows, without the cache, and the limits', async () => {
    // `tail` holds what it may not write; the file is in the cache only.
    const wanted = await deploy(
      'head -c 60000000 /dev/zero | tail -c 60000000 | sleep 1000 & dd if=/dev/zero of=/tmp/file bs=1M count=40; sleep 1000',
      { cpus: 0.5 },
    )
    const { uuid } = wanted
    // Once nothing in it changes any more.
    const sample = await eventually(
      async () => {
        const before = await readFromDocker(uuid)
        const now = await readOne(uuid)
        expect(before.memory).toBeGreaterThan(60_000_000)
        expect(await readFromDocker(uuid)).toEqual(before)
        expect(Math.abs(now.memory_used_bytes / before.memory - 1)).toBeLessThan(0.02)
        expect(now.memory_limit_bytes).toBe(before.limit)
        expect(now.pids).toBe(before.pids)
        return now
      },
      { timeoutMs: 30_000 },
    )
    expect(sample).toMatchObject({ uuid, memory_limit_bytes: 256 * mib, cpu_cores: 0.5, gpus: [] })
    expect(sample.pids_limit).toBeGreaterThan(sample.pids)
    expect(sample.cpu_percent).toBeGreaterThanOrEqual(0)
    expect(Math.abs(Date.now() - Date.parse(sample.at))).toBeLessThan(5000)
    await stop(wanted)
  })

  it('has for a busy loop the share of a core that it got, which is one at most', async () => {
    const wanted = await deploy('while :; do :; done', { cpus: 1 })
    const got = new Map<string, number>()
    const measured = new AbortController()
    const measuring = measure(wanted.uuid, got, measured.signal).catch(() => undefined)
    // Other programs of this machine may leave it less than a core, so what it got is measured beside.
    const isMeasured = ({ at, cpu_percent: percent }: ContainerStats): boolean =>
      got.has(at) && (percent ?? 0) > 10
    const sample = (await watch(wanted.uuid, (seen) => seen.some(isMeasured))).at(-1)
    const percent = sample?.cpu_percent ?? 0
    expect(percent / (got.get(sample?.at ?? '') ?? 0)).toBeGreaterThan(0.9)
    expect(percent / (got.get(sample?.at ?? '') ?? 0)).toBeLessThan(1.1)
    expect(percent).toBeLessThan(110)
    expect(sample?.cpu_cores).toBe(1)
    measured.abort()
    await measuring
    await stop(wanted)
  })

  it.each([
    ['is not there', async () => randomUUID(), 'container_not_found'],
    [
      'has ended',
      async () => (await host.runToEnd({ command: ['true'] })).wanted.uuid,
      'container_not_running',
    ],
  ])('of a container that %s is refused', async (_what, find, code) => {
    const uuid = await find()
    await expect(open(uuid, false)).rejects.toMatchObject({ code })
    await expect(open(uuid, true)).rejects.toMatchObject({ code })
  })
})

describe('the cards', () => {
  it("are the container's own, said to be simulated, as nvidia-smi sees them now", async () => {
    const [, second, third] = host.gpus
    const wanted = await deploy('sleep 1000', { gpu_uuids: [third ?? '', second ?? ''] })
    const inventory = join(host.engine.gpuFolder, 'gpus.csv')
    const csv = await readFile(inventory, 'utf8')
    expect((await readOne(wanted.uuid)).gpus).toEqual([
      {
        uuid: third,
        name: 'NVIDIA H100 80GB HBM3',
        simulated: true,
        memory_used_bytes: mib,
        memory_total_bytes: 81_559 * mib,
        utilization_percent: 0,
        temperature_celsius: 34,
        power_watts: 22.15,
        power_limit_watts: 700,
        problem: null,
      },
      expect.objectContaining({ uuid: second, name: 'NVIDIA GeForce RTX 4090' }),
    ])

    await replaceFile(
      inventory,
      csv
        .replace('24564,1,0,34,22.15', '24564,1,[N/A],34,[N/A]')
        .replace(/,81559,1,0,34/, ',81559,40000,97,71'),
    )
    await watch(wanted.uuid, (seen) => seen.at(-1)?.gpus[0]?.utilization_percent === 97)
    expect((await readOne(wanted.uuid)).gpus[0]).toMatchObject({
      memory_used_bytes: 40_000 * mib,
      temperature_celsius: 71,
    })

    const fault = join(host.engine.gpuFolder, 'fault')
    await replaceFile(fault, '15 Unable to determine the device handle: GPU is lost.')
    const lost = await watch(wanted.uuid, (seen) => seen.at(-1)?.gpus[0]?.problem !== null)
    expect(lost.at(-1)?.gpus).toMatchObject([
      { uuid: third, problem: 'Unable to determine the device handle: GPU is lost.', power_watts: null },
      { uuid: second, temperature_celsius: null },
    ])
    await rm(fault)
    await replaceFile(inventory, csv)
    await stop(wanted)
  })
})

describe('those who watch', () => {
  it('share one stream of the engine and one nvidia-smi, which end with the last of them', async () => {
    const [first] = host.gpus
    const wanted = await deploy('sleep 1000', { gpu_uuids: [first ?? ''] })
    const before = await callsOfSmi()
    const begun = Date.now()
    const leaving = [new AbortController(), new AbortController(), new AbortController()]
    const counts = leaving.map(() => 0)
    const watching = Promise.allSettled(
      leaving.map(async ({ signal }, index) => {
        for await (const _sample of await open(wanted.uuid, true, signal)) counts[index]!++
      }),
    )
    await eventually(() => expect(Math.min(...counts)).toBeGreaterThan(2), { timeoutMs: 20_000 })
    expect(proxy.open(streams)).toBe(1)
    const calls = (await callsOfSmi()) - before
    const seconds = (Date.now() - begun) / 1000
    expect(calls).toBeLessThanOrEqual(Math.ceil(seconds / 2) + 1)

    leaving[0]?.abort()
    leaving[1]?.abort()
    const soFar = counts[2] ?? 0
    await eventually(() => expect(counts[2]).toBeGreaterThan(soFar + 1), { timeoutMs: 20_000 })
    expect(proxy.open(streams)).toBe(1)
    leaving[2]?.abort()
    await eventually(() => expect(proxy.open(streams)).toBe(0))
    await watching
    await stop(wanted)
  })

  it('see the end of the container', async () => {
    const wanted = await deploy('sleep 1000')
    const watching = watch(wanted.uuid, () => false)
    await eventually(() => expect(proxy.open(streams)).toBe(1))
    await stop(wanted)
    await watching
    await eventually(() => expect(proxy.open(streams)).toBe(0))
  })

  it('go on over a restart', async () => {
    const wanted = await deploy('trap "exit 0" TERM; while :; do sleep 0.1; done')
    const facts = await host.control.settled(wanted.uuid)
    const seen: ContainerStats[] = []
    const watching = (async () => {
      for await (const sample of await open(wanted.uuid, true)) seen.push(sample)
    })()
    await eventually(() => expect(seen.length).toBeGreaterThan(1), { timeoutMs: 20_000 })
    const again = { ...wanted, start_after: facts?.started_at ?? '' }
    host.control.want(again)
    await host.control.settled(wanted.uuid)
    const soFar = seen.length
    await eventually(() => expect(seen.length).toBeGreaterThan(soFar + 1), { timeoutMs: 20_000 })
    await stop(again)
    await watching
  })

  it('hear that the engine is away', async () => {
    const wanted = await deploy('sleep 1000')
    const watching = watch(wanted.uuid, () => false)
    await eventually(() => expect(proxy.open(streams)).toBe(1))
    await host.engine.kill()
    await expect(watching).rejects.toMatchObject({ code: 'engine_unavailable', retryable: true })
    await host.engine.start()
    await eventually(async () => expect(await readOne(wanted.uuid)).toMatchObject({ uuid: wanted.uuid }), {
      timeoutMs: 30_000,
    })
    await stop(wanted)
  })
})
