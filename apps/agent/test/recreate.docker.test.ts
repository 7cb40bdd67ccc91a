import type { TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containerName } from '../src/containers/labels.ts'
import { createContainer, findContainer, removeContainer } from '../src/docker/containers.ts'
import { listImages } from '../src/docker/images.ts'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost
const image = 'gpulab-test/with-volume:1'

beforeAll(async () => {
  host = await startTestHost()
  const { engine } = host.engine
  await createContainer(engine, { name: 'volume', Image: host.engine.image })
  const [repo, tag] = image.split(':')
  await engine.getContainer('volume').commit({
    _query: { container: 'volume', repo, tag },
    _body: { Volumes: { '/data': {} } },
  })
  await removeContainer(engine, 'volume', { volumes: true })
})
afterAll(() => host[Symbol.asyncDispose]())

const run = async (wanted: TargetContainer, command: string) => {
  const client = await host.control.host()
  return (await client.exec({ body: { container_uuid: wanted.uuid, command } })).stdout
}
const read = (wanted: TargetContainer) => run(wanted, 'cat /etc/own /data/own; nvidia-smi -L | wc -l')
const savedOf = async ({ uuid }: TargetContainer) =>
  (await listImages(host.engine.engine, `gpulab.local/${uuid}`)).flatMap(({ references }) => references)
const volumesLeft = async () => (await host.engine.engine.listVolumes()).Volumes.length

/** A container with files of its own, and the wish to have it with the other GPU. */
const deploy = async () => {
  const [one = '', two = ''] = host.gpus
  const first = await host.deploy({ image, gpu_uuids: [one] })
  await run(first, 'echo own >/etc/own; echo data >/data/own; sync')
  const second = { ...first, generation: 2, base_generation: 1, attempt: 2, gpu_uuids: [two] }
  return { first, second, two }
}
const expectRemoved = async (wanted: TargetContainer) => {
  host.control.want({ ...wanted, desired: 'absent' })
  expect(await host.control.settled(wanted.uuid)).toBeUndefined()
  expect(await host.list(wanted.uuid)).toEqual([])
  expect(await savedOf(wanted)).toEqual([])
  expect(await volumesLeft()).toBe(0)
}

describe('a container with other GPUs', () => {
  it('has its files, also those of a volume, and nothing of it is left in the end', async () => {
    const { first, second, two } = await deploy()
    host.control.want({ ...first, desired: 'stopped' })
    expect(await host.control.settled(first.uuid)).toMatchObject({ generation: 1, state: 'exited' })

    host.control.want(second)
    expect(await host.control.settled(first.uuid)).toMatchObject({
      generation: 2,
      state: 'running',
      gpu_uuids: [two],
    })
    expect(await read(second)).toBe('own\ndata\n1\n')
    expect(
      await run(second, 'nvidia-smi --query-gpu=uuid --format=csv,noheader; echo $NVIDIA_VISIBLE_DEVICES'),
    ).toBe(`${two}\n${two}\n`)
    const { HostConfig, Config } = await host.engine.engine.getContainer(containerName(second)).inspect()
    expect(HostConfig.DeviceRequests).toMatchObject([{ DeviceIDs: [two] }])
    expect(Config.Labels['ai.gpulab.gpus']).toBe(two)
    expect(await host.list(first.uuid)).toHaveLength(1)

    // And on to a third, from files that the second has written.
    await run(second, 'echo more >>/etc/own; echo more >>/data/own')
    const third = { ...second, generation: 3, base_generation: 2, attempt: 3, gpu_uuids: first.gpu_uuids }
    host.control.want(third)
    expect(await host.control.settled(first.uuid)).toMatchObject({ generation: 3, state: 'running' })
    expect(await read(third)).toBe('own\nmore\ndata\nmore\n1\n')
    expect(await savedOf(first)).toHaveLength(1)
    expect(await volumesLeft()).toBe(1)
    await expectRemoved(third)
  })

  it('has nothing of them when it is made anew from its image', async () => {
    const { second } = await deploy()
    host.control.want(second)
    await host.control.settled(second.uuid)
    const fresh = { ...second, generation: 3, base_generation: null, attempt: 3 }
    host.control.want(fresh)
    expect(await host.control.settled(second.uuid)).toMatchObject({ generation: 3, state: 'running' })
    expect(await run(fresh, 'ls /etc/own /data/own 2>/dev/null; echo $?')).toBe('1\n')
    expect(await savedOf(second)).toEqual([])
    expect(await volumesLeft()).toBe(1)
    await expectRemoved(fresh)
  })

  it('can not be had by another under the name or the id of its files', async () => {
    const { second } = await deploy()
    host.control.want(second)
    await host.control.settled(second.uuid)
    const [reference = ''] = await savedOf(second)
    const { Id } = await host.engine.engine.getImage(reference).inspect()
    for (const name of [reference, Id, Id.slice('sha256:'.length, 19)]) {
      const thief = host.wish({ image: name })
      host.control.want(thief)
      expect(await host.control.settled(thief.uuid)).toMatchObject({
        state: 'absent',
        failure: { code: 'image_not_found' },
      })
      host.control.want({ ...thief, desired: 'absent' })
      await host.control.settled(thief.uuid)
    }
    await expectRemoved(second)
  })
})

describe('an agent that is killed meanwhile', () => {
  const steps: [string, (wanted: TargetContainer) => Promise<boolean>][] = [
    [
      'once the old one has stopped',
      async (wanted) =>
        (await findContainer(host.engine.engine, containerName({ ...wanted, generation: 1 })))?.state !==
        'running',
    ],
    ['once the files are saved', async (wanted) => (await savedOf(wanted)).length > 0],
    [
      'once the new one is there',
      async (wanted) => (await findContainer(host.engine.engine, containerName(wanted))) !== undefined,
    ],
    [
      'once the old one is gone',
      async (wanted) =>
        (await findContainer(host.engine.engine, containerName({ ...wanted, generation: 1 }))) === undefined,
    ],
  ]
  it.each(steps)('%s, has a successor that goes on', async (_, isReached) => {
    const { first, second } = await deploy()
    host.control.want(second)
    await eventually(async () => expect(await isReached(second)).toBe(true), {
      timeoutMs: 30_000,
      intervalMs: 1,
    })
    await host.agent.kill('SIGKILL')
    await host.agent.start()
    expect(await host.control.settled(first.uuid)).toMatchObject({ generation: 2, state: 'running' })
    expect(await host.list(first.uuid)).toHaveLength(1)
    expect(await read(second)).toBe('own\ndata\n1\n')
    await expectRemoved(second)
  })

  it('while it removes, has a successor that leaves nothing', async () => {
    const { second } = await deploy()
    host.control.want(second)
    await host.control.settled(second.uuid)
    host.control.want({ ...second, desired: 'absent' })
    await eventually(async () => expect(await host.list(second.uuid)).toEqual([]), { intervalMs: 1 })
    await host.agent.kill('SIGKILL')
    await host.agent.start()
    await expectRemoved(second)
  })
})
