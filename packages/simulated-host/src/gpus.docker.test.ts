import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readInventory } from './inventory.ts'
import { runContainer, startTestEngine, type TestContainer } from './test-engine.ts'

let engine: Awaited<ReturnType<typeof startTestEngine>>
let uuids: string[]

beforeAll(async () => {
  engine = await startTestEngine('3x NVIDIA GeForce RTX 4090:24564')
  uuids = readInventory(await readFile(join(engine.gpuDir, 'gpus.csv'), 'utf8')).map(({ uuid }) => uuid)
})
afterAll(() => engine[Symbol.asyncDispose]())

const run = (script: string, options: Partial<TestContainer> = {}) =>
  runContainer(engine.dockerHost, { image: engine.busybox, command: ['sh', '-c', script], ...options })
const list = 'nvidia-smi --query-gpu=uuid --format=csv,noheader'

describe('a container with a device request', () => {
  test('sees exactly the card that it asked for', async () => {
    const { exitCode, output } = await run(list, { gpus: [uuids[1] ?? ''] })
    expect([exitCode, output]).toEqual([0, `${uuids[1]}\n`])
  })

  test('sees several cards, numbered from 0', async () => {
    const { output } = await run('nvidia-smi --query-gpu=index,uuid --format=csv,noheader', {
      gpus: [uuids[0] ?? '', uuids[2] ?? ''],
    })
    expect(output).toBe(`0, ${uuids[0]}\n1, ${uuids[2]}\n`)
  })

  test('is not talked out of its card by its own variables', async () => {
    const { output } = await run(list, { gpus: [uuids[1] ?? ''], env: ['NVIDIA_VISIBLE_DEVICES=all'] })
    expect(output).toBe(`${uuids[1]}\n`)
  })

  test("fails to start with the real tool's words for a card that does not exist", async () => {
    await expect(run(list, { gpus: ['GPU-none'] })).rejects.toThrow(
      'nvidia-container-cli: device error: GPU-none: unknown device',
    )
  })

  test('sees load and faults as they are simulated', async () => {
    const fault = join(engine.gpuDir, 'fault')
    await writeFile(fault, '15 GPU is lost\n')
    await expect(run(list, { gpus: ['0'] })).rejects.toThrow('nvml error')
    await rm(fault)
  })

  test('cannot change the inventory', async () => {
    const { exitCode } = await run('echo 0 > /run/gpulab-sim-gpu/gpus.csv', { gpus: ['0'] })
    expect(exitCode).not.toBe(0)
  })
})

describe('a container without a device request', () => {
  test('has neither tool nor devices nor variable', async () => {
    const { output } = await run(
      'ls /dev | grep nvidia; command -v nvidia-smi; echo "[$NVIDIA_VISIBLE_DEVICES]"',
    )
    expect(output).toBe('[]\n')
  })

  test('gets nothing by setting NVIDIA_VISIBLE_DEVICES', async () => {
    const { exitCode, output } = await run(list, { env: ['NVIDIA_VISIBLE_DEVICES=all'] })
    expect(exitCode).toBe(127)
    expect(output).toContain('not found')
  })
})
