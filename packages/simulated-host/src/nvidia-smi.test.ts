import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryCommand } from '@gpulab/images'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gpuToolsFolder, writeInventory, writeNvidiaSmi } from './inventory-folder.ts'

let folder: string
let uuids: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sim gpu's "))
  uuids = (await writeInventory(folder, 'NVIDIA GeForce RTX 4090:24564, NVIDIA A100:40960')).map(
    ({ uuid }) => uuid,
  )
  await writeNvidiaSmi(join(folder, 'nvidia-smi'), folder)
})
afterAll(() => rm(folder, { recursive: true }))

const smi = (...args: string[]) => tryCommand(join(folder, 'nvidia-smi'), args)

describe('the simulated nvidia-smi', () => {
  test('lists the cards of its inventory', async () => {
    expect((await smi('-L')).stdout).toBe(
      `GPU 0: NVIDIA GeForce RTX 4090 (UUID: ${uuids[0]}) (SIMULATED)\nGPU 1: NVIDIA A100 (UUID: ${uuids[1]}) (SIMULATED)\n`,
    )
  })

  test('answers queries in csv, with and without header and units', async () => {
    expect((await smi('--query-gpu=index,memory.total,driver_version', '--format=csv')).stdout).toBe(
      'index, memory.total [MiB], driver_version\n0, 24564 MiB, 550.90.07+simulated\n1, 40960 MiB, 550.90.07+simulated\n',
    )
    const plain = await smi('--query-gpu=uuid,memory.free', '--format=csv,noheader,nounits', '-i', '1')
    expect(plain.stdout).toBe(`${uuids[1]}, 40959\n`)
  })

  test('draws a table of even width that says SIMULATED', async () => {
    const { stdout } = await smi()
    expect(stdout).toContain('SIMULATED')
    const widths = new Set(stdout.split('\n').map((line) => line.length))
    expect(widths).toEqual(new Set([91, 0]))
  })

  test('says simulated in its version and its help', async () => {
    expect((await smi('--version')).stdout).toContain('SIMULATED')
    expect((await smi('-h')).stdout).toContain('SIMULATED')
  })

  test('shows processes and load as they are written', async () => {
    await writeFile(join(folder, 'apps.csv'), `${uuids[1]},123,python,400\n`)
    const { stdout } = await smi('--query-compute-apps=gpu_uuid,pid,used_memory', '--format=csv,noheader')
    expect(stdout).toBe(`${uuids[1]}, 123, 400 MiB\n`)
  })

  test.each([
    [['--query-gpu=nonsense', '--format=csv'], 2, 'not a valid field'],
    [['--query-gpu=index'], 2, '--format='],
    [['--nonsense'], 2, 'Invalid combination'],
    [['-i', '7', '-L'], 6, 'No devices'],
  ])('refuses %j as the real one does', async (args, exitCode, text) => {
    const result = await smi(...args)
    expect(result.exitCode).toBe(exitCode)
    expect(result.stdout).toContain(text)
  })

  test('fails with the fault that is written', async () => {
    await writeFile(join(folder, 'fault'), '15 GPU is lost\n')
    expect(await smi('-L')).toMatchObject({ exitCode: 15, stdout: 'GPU is lost\n' })
    await rm(join(folder, 'fault'))
  })

  test('without an inventory there is no driver', async () => {
    const env = { ...process.env, GPULAB_SIM_GPU_DIR: '/nonexistent' }
    const { exitCode, stdout } = await tryCommand(join(gpuToolsFolder, 'nvidia-smi'), [], { env })
    expect(exitCode).toBe(9)
    expect(stdout).toContain("couldn't communicate with the NVIDIA driver")
  })
})

test('an unchanged specification leaves the inventory and its load alone', async () => {
  const again = await writeInventory(folder, 'NVIDIA GeForce RTX 4090:24564, NVIDIA A100:40960')
  expect(again.map(({ uuid }) => uuid)).toEqual(uuids)
})
