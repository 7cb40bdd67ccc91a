import { describe, expect, it } from 'vitest'
import { toEnvironment } from './environment.ts'

const toList = (
  env: Record<string, string>,
  image: string[],
  gpu_uuids: string[],
  injection: 'nvidia' | 'cdi' = 'nvidia',
) => toEnvironment({ env, gpu_uuids }, { env: image }, injection)
const capabilities = 'NVIDIA_DRIVER_CAPABILITIES=compute,utility'

describe('the environment', () => {
  it('has the leased GPUs and the variables of the user', () => {
    expect(toList({ A: 'x=y' }, ['PATH=/bin'], ['GPU-1', 'GPU-2'])).toEqual([
      'A=x=y',
      'NVIDIA_VISIBLE_DEVICES=GPU-1,GPU-2',
      capabilities,
    ])
  })

  it('says that there is no GPU', () => {
    expect(toList({}, ['NVIDIA_VISIBLE_DEVICES=all'], [])).toEqual([
      'NVIDIA_VISIBLE_DEVICES=void',
      capabilities,
    ])
  })

  it('keeps a legacy hook quiet where CDI injects', () => {
    expect(toList({}, [], ['GPU-1'], 'cdi')).toContain('NVIDIA_VISIBLE_DEVICES=void')
  })

  it('lets neither user nor image decide what a hook does', () => {
    const user = {
      NVIDIA_VISIBLE_DEVICES: 'all',
      NVIDIA_MIG_CONFIG_DEVICES: 'all',
      LD_PRELOAD: 'x',
      LD_LIBRARY_PATH: 'y',
    }
    const image = [
      'LD_PRELOAD=/evil.so',
      'LD_LIBRARY_PATH=/usr/local/cuda',
      'NVIDIA_IMEX_CHANNELS=0',
      'NVIDIA_REQUIRE_CUDA=x',
    ]
    expect(toList(user, image, [])).toEqual([
      'LD_PRELOAD',
      'NVIDIA_IMEX_CHANNELS',
      'NVIDIA_VISIBLE_DEVICES=void',
      capabilities,
    ])
  })
})
