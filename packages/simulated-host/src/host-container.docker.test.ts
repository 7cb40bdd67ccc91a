import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { callEngineJson, ensureImages } from '@gpulab/images'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSimulatedHost, type SimulatedHost } from './host-container.ts'
import { readInventory } from './inventory.ts'
import { runContainer, startTestEngine } from './test-engine.ts'

const checkout = resolve(import.meta.dirname, '../../..')
const gpus = '2x NVIDIA A100:40960'

let outer: Awaited<ReturnType<typeof startTestEngine>>
let image: string
let host: SimulatedHost

beforeAll(async () => {
  outer = await startTestEngine('')
  const images = await ensureImages({ dockerHost: outer.dockerHost, keys: ['gpu-host'] })
  image = images['gpu-host'].reference
  host = await startSimulatedHost({
    docker: outer.dockerHost,
    image,
    name: 'host-1',
    gpus,
    stateDir: join(outer.stateDir, 'host-1'),
    mounts: [{ source: checkout, target: checkout, readOnly: true }],
    command: ['sh', '-c', `${process.execPath} -v >/run/gpulab-host/node-version; exec sleep infinity`],
  })
})
afterAll(() => outer[Symbol.asyncDispose]())

describe('a simulated host', () => {
  test('runs containers that see exactly their card', async () => {
    const { busybox } = await ensureImages({ dockerHost: host.dockerHost, keys: ['busybox'], offline: true })
    const [, second] = readInventory(await readFile(join(host.gpuDir, 'gpus.csv'), 'utf8'))
    const { output } = await runContainer(host.dockerHost, {
      image: busybox.reference,
      command: ['nvidia-smi', '--query-gpu=uuid', '--format=csv,noheader'],
      gpus: [second?.uuid ?? ''],
    })
    expect(output).toBe(`${second?.uuid}\n`)
  })

  test('runs the Node.js of the mounted checkout', async () => {
    expect(await readFile(join(outer.stateDir, 'host-1/host/node-version'), 'utf8')).toBe(
      `${process.version}\n`,
    )
  })

  test('is a machine of its own beside others', async () => {
    const stateDir = join(outer.stateDir, 'host-2')
    await using other = await startSimulatedHost({
      docker: outer.dockerHost,
      image,
      name: 'host-2',
      gpus,
      stateDir,
    })
    const ids = await Promise.all(
      [host, other].map(({ dockerHost }) => callEngineJson<{ ID: string }>(dockerHost, '/info')),
    )
    expect(ids[0]?.ID).not.toBe(ids[1]?.ID)
  })

  test('goes with its volumes', async () => {
    const stateDir = join(outer.stateDir, 'host-3')
    const volumes = async () => {
      const { Volumes } = await callEngineJson<{ Volumes: unknown[] | null }>(outer.dockerHost, '/volumes')
      return Volumes?.length ?? 0
    }
    const before = await volumes()
    const other = await startSimulatedHost({
      docker: outer.dockerHost,
      image,
      name: 'host-3',
      gpus,
      stateDir,
    })
    expect(await volumes()).toBe(before + 1)
    await other.stop()
    expect(await volumes()).toBe(before)
  })

  test('says which image is missing', async () => {
    const stateDir = join(outer.stateDir, 'host-4')
    const options = {
      docker: outer.dockerHost,
      image: 'gpulab.invalid/none:1',
      name: 'host-4',
      gpus,
      stateDir,
    }
    await expect(startSimulatedHost(options)).rejects.toThrow('has no image "gpulab.invalid/none:1"')
  })

  test('says what its engine said when that does not start', async () => {
    const stateDir = join(outer.stateDir, 'host-5')
    const options = { docker: outer.dockerHost, image: outer.busybox, name: 'host-5', gpus, stateDir }
    await expect(startSimulatedHost(options)).rejects.toThrow(
      'The engine of the simulated host "host-5" did not start',
    )
  })
})
