import { expect, test } from 'vitest'
import { toHostContainer } from './host-spec.ts'

const spec = {
  image: 'host:1',
  name: 'h1',
  runDir: '/s/host',
  gpuDir: '/s/gpus',
  mounts: [{ source: '/checkout', target: '/checkout', readOnly: true }],
  command: ['agent'],
  env: { A: '1' },
  network: 'net',
}

test('a simulated host gets capabilities instead of privileges, and a volume for its engine', () => {
  expect(toHostContainer(spec)).toMatchObject({
    Image: 'host:1',
    Cmd: ['agent'],
    Volumes: { '/var/lib/docker': {} },
    HostConfig: { CapAdd: expect.arrayContaining(['SYS_ADMIN', 'NET_ADMIN']), NetworkMode: 'net' },
  })
  expect(toHostContainer(spec)).not.toHaveProperty('HostConfig.Privileged')
})

test('mounts and variables of the caller come on top of the own ones', () => {
  const { Env, HostConfig } = toHostContainer(spec) as { Env: string[]; HostConfig: { Mounts: unknown[] } }
  expect(Env).toContain('A=1')
  expect(Env.join()).toContain('/opt/gpulab-sim/gpu')
  expect(HostConfig.Mounts).toContainEqual({
    Type: 'bind',
    Source: '/checkout',
    Target: '/checkout',
    ReadOnly: true,
  })
})
