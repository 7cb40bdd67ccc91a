import type { TargetContainer } from '@gpulab/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type SpecOptions, toContainerSpec } from './spec.ts'

const uuid = '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a10'
const container: TargetContainer = {
  uuid,
  generation: 3,
  base_generation: null,
  desired: 'running',
  start_after: null,
  attempt: 1,
  restart: { policy: 'no', max_retries: null },
  restarts: 0,
  has_run: false,
  name: 'My.Trainer_1',
  team_uuid: '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a11',
  image: 'ubuntu:22.04',
  registry_login: null,
  command: ['python', 'train.py'],
  env: { A: '1' },
  gpu_uuids: ['GPU-1', 'GPU-2'],
  memory_bytes: 1 << 30,
  cpus: 1.5,
  volumes: [],
}
const options: SpecOptions = {
  image: { env: [], command: ['bash'], entrypoint: [] },
  network: 'gl-team',
  hostUuid: 'host',
  injection: 'nvidia',
  ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
}

describe('a container', () => {
  const spec = toContainerSpec(container, options)
  it('is named and labelled so that it is found again', () => {
    expect(spec.name).toBe(`gpulab-${uuid}-g3`)
    expect(spec.Hostname).toBe('my-trainer-1')
    expect(spec.Labels).toEqual({
      'ai.gpulab.container': uuid,
      'ai.gpulab.generation': '3',
      'ai.gpulab.team': container.team_uuid,
      'ai.gpulab.host': 'host',
      'ai.gpulab.gpus': 'GPU-1,GPU-2',
    })
  })

  it('goes on with saved files where there are some', () => {
    const saved = { reference: 'gpulab.local/c:g3', volumes: [{ name: 'v', path: '/data: "x"' }] }
    const again = toContainerSpec(container, { ...options, saved })
    expect(again.Image).toBe('gpulab.local/c:g3')
    expect(again.HostConfig?.Mounts).toEqual([
      { Type: 'volume', Source: 'v', Target: '/data: "x"', VolumeOptions: { NoCopy: true } },
    ])
    expect(again.Labels).toEqual(spec.Labels)
  })

  it('sees two folders of the host and no others, read-only', () => {
    const guest = { toolbox: '/state/guest/toolbox', run: '/state/guest/run/x' }
    expect(toContainerSpec(container, { ...options, guest }).HostConfig?.Mounts).toEqual([
      { Type: 'bind', Source: guest.toolbox, Target: '/.gpulab', ReadOnly: true },
      { Type: 'bind', Source: guest.run, Target: '/.gpulab-run', ReadOnly: true },
    ])
    expect(spec.HostConfig?.Mounts).toBeUndefined()
  })

  it('gets its limits', () => {
    expect(spec.HostConfig).toMatchObject({
      Memory: 1 << 30,
      MemorySwap: 1 << 30,
      NanoCpus: 1.5e9,
      ShmSize: 1 << 29,
      Ulimits: options.ulimits,
      NetworkMode: 'gl-team',
    })
    const unlimited = toContainerSpec({ ...container, memory_bytes: 0, cpus: null }, options).HostConfig
    expect(unlimited).not.toHaveProperty('Memory')
    expect(unlimited).not.toHaveProperty('NanoCpus')
  })

  it('gets exactly its GPUs, in either way', () => {
    expect(spec.HostConfig?.DeviceRequests).toEqual([
      { Driver: 'nvidia', DeviceIDs: ['GPU-1', 'GPU-2'], Capabilities: [['gpu', 'compute', 'utility']] },
    ])
    expect(toContainerSpec(container, { ...options, injection: 'cdi' }).HostConfig?.DeviceRequests).toEqual([
      { Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=GPU-1', 'nvidia.com/gpu=GPU-2'] },
    ])
    expect(toContainerSpec({ ...container, gpu_uuids: [] }, options).HostConfig?.DeviceRequests).toEqual([])
  })
})

describe('whatever is asked for', () => {
  const text = fc.string({ maxLength: 20 })
  const wishes = fc.record({
    name: text,
    image: text,
    command: fc.oneof(fc.constant(null), fc.array(text, { minLength: 1, maxLength: 3 })),
    env: fc.dictionary(
      fc.oneof(text, fc.constantFrom('NVIDIA_VISIBLE_DEVICES', 'LD_PRELOAD', 'Privileged')),
      text,
    ),
    gpu_uuids: fc.array(fc.string({ minLength: 1, maxLength: 20 }), { maxLength: 2 }),
    memory_bytes: fc.nat(),
    cpus: fc.oneof(fc.constant(null), fc.double({ min: 0, max: 64, noNaN: true })),
  })
  const allowed = new Set([
    'Privileged',
    'SecurityOpt',
    'CapDrop',
    'CapAdd',
    'PidsLimit',
    'Memory',
    'MemorySwap',
    'NanoCpus',
    'ShmSize',
    'Ulimits',
    'OomScoreAdj',
    'Init',
    'IpcMode',
    'CgroupnsMode',
    'NetworkMode',
    'PublishAllPorts',
    'RestartPolicy',
    'LogConfig',
    'DeviceRequests',
  ])

  it('the rights stay the same', () => {
    fc.assert(
      fc.property(wishes, (fields) => {
        const { HostConfig = {}, Env = [] } = toContainerSpec({ ...container, ...fields }, options)
        expect(Object.keys(HostConfig).filter((key) => !allowed.has(key))).toEqual([])
        expect(HostConfig).toMatchObject({
          Privileged: false,
          SecurityOpt: ['no-new-privileges:true'],
          CapDrop: ['ALL'],
          IpcMode: 'private',
          NetworkMode: 'gl-team',
          PublishAllPorts: false,
          RestartPolicy: { Name: 'no' },
          Init: true,
        })
        expect(HostConfig.CapAdd).not.toContain('NET_RAW')
        expect(HostConfig.CapAdd).not.toContain('SYS_ADMIN')
        const visible = Env.filter((entry) => entry.startsWith('NVIDIA_VISIBLE_DEVICES='))
        expect(visible).toEqual([`NVIDIA_VISIBLE_DEVICES=${fields.gpu_uuids.join(',') || 'void'}`])
        expect(Env.some((entry) => entry.startsWith('LD_PRELOAD='))).toBe(false)
      }),
    )
  })
})
