import { describe, expect, it } from 'vitest'
import { sampleGpuStats, sampleStats } from '../../test/samples.ts'
import { renderStats, toQuietLine } from './render.ts'

const output = { style: (_format: unknown, text: string) => text }
const picture = (sample = sampleStats()): string => renderStats(output, 'my-training-job', sample).join('\n')
const gpuPicture = (...gpus: ReturnType<typeof sampleGpuStats>[]): string[] =>
  renderStats(output, 'x', sampleStats({ gpus })).slice(4, -4)

describe('the picture', () => {
  it('is that of the plan', () => {
    expect(picture()).toBe(`Container: my-training-job (3f2a9c1e)
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
CPU:      542.4%             █████████░░░░░░░░░░░  (12 cores)
Memory:   18.5 GB / 32 GB    ████████████░░░░░░░░
GPU:      NVIDIA GeForce RTX 4090
GPU Mem:  20.1 GB / 24 GB    █████████████████░░░
GPU Util: 87%                █████████████████░░░
GPU Temp: 72°C  Power: 311 W / 450 W

Network:  ↓ 1.2 GB  ↑ 345 MB
Block IO: R 5.1 GB  W 2.3 GB
PIDs:     42 / 512`)
  })

  it('of a container without a GPU has none', () => {
    expect(picture(sampleStats({ gpus: [] }))).not.toContain('GPU')
  })

  it('has lines for each card, and says which are simulated', () => {
    expect(
      gpuPicture(sampleGpuStats({ simulated: true }), sampleGpuStats({ name: 'NVIDIA H100', uuid: 'GPU-2' })),
    ).toEqual([
      'GPU 0:    NVIDIA GeForce RTX 4090 (simulated)',
      'GPU Mem:  20.1 GB / 24 GB    █████████████████░░░',
      'GPU Util: 87%                █████████████████░░░',
      'GPU Temp: 72°C  Power: 311 W / 450 W',
      'GPU 1:    NVIDIA H100',
      'GPU Mem:  20.1 GB / 24 GB    █████████████████░░░',
      'GPU Util: 87%                █████████████████░░░',
      'GPU Temp: 72°C  Power: 311 W / 450 W',
    ])
  })

  it('shows of a card what there is', () => {
    const bare = { utilization_percent: null, temperature_celsius: null, power_watts: null }
    expect(gpuPicture(sampleGpuStats(bare))).toEqual([
      'GPU:      NVIDIA GeForce RTX 4090',
      'GPU Mem:  20.1 GB / 24 GB    █████████████████░░░',
      'GPU Util: –                  ░░░░░░░░░░░░░░░░░░░░',
      'GPU Temp: –',
    ])
    expect(gpuPicture(sampleGpuStats({ power_limit_watts: null, memory_total_bytes: null }))).toEqual([
      'GPU:      NVIDIA GeForce RTX 4090',
      'GPU Mem:  20.1 GB',
      'GPU Util: 87%                █████████████████░░░',
      'GPU Temp: 72°C  Power: 311 W',
    ])
  })

  it('tells why a card has no values, harmlessly', () => {
    expect(
      gpuPicture(sampleGpuStats({ name: null, memory_used_bytes: null, problem: 'GPU is \u001B[2Jlost.' })),
    ).toEqual(['GPU:      GPU-1', String.raw`          GPU is \u001b[2Jlost.`])
  })

  it('has no figure for the CPU in the first sample', () => {
    expect(picture(sampleStats({ cpu_percent: null, cpu_cores: 1 }))).toContain(
      'CPU:      –                  ░░░░░░░░░░░░░░░░░░░░  (1 core)',
    )
  })

  it('shows no limit where there is none', () => {
    expect(picture(sampleStats({ pids_limit: null }))).toMatch(/PIDs: {5}42$/)
  })
})

describe('the line for scripts', () => {
  it.each([
    [542.4, '542.4 19864223744'],
    [null, '- 19864223744'],
  ])('of %s percent', (percent, text) => {
    expect(toQuietLine(sampleStats({ cpu_percent: percent }))).toBe(text)
  })
})
