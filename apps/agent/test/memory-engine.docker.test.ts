import { eventually } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import type { Engine } from '../src/docker/connect.ts'
import { connectEngine } from '../src/docker/connect.ts'
import { EngineError } from '../src/docker/errors.ts'
import {
  commitContainer,
  createContainer,
  findContainer,
  listContainers,
  removeContainer,
  startContainer,
  stopContainer,
} from '../src/docker/containers.ts'
import { followEvents } from '../src/docker/events.ts'
import { findImage, listImages, pullImage, removeImage } from '../src/docker/images.ts'
import { readLogFrames } from '../src/docker/logs.ts'
import { createNetwork, listNetworks, removeNetwork } from '../src/docker/networks.ts'
import { removeVolume } from '../src/docker/volumes.ts'
import { createMemoryEngine } from './memory-engine.ts'

/*
 * What the memory engine does has to be what a real one does, so both get the same calls, through the very functions
 * that the agent uses, and have to answer the same.
 */

const image = process.env['GPULAB_TEST_IMAGE'] ?? ''
const id = randomBytes(4).toString('hex')
const uuid = `${id}-9a53-4b53-8c39-2f5f0a1e7a10`
const named = (name: string): string => `gpulab-test-${id}-${name}`
const saved = (tag: string) => ({ repository: `gpulab.local/${uuid}`, tag })
const reference = (tag: string): string => `gpulab.local/${uuid}:${tag}`
const label = 'ai.gpulab.container'

/** A command whose meaning both engines know. */
const commands = {
  serve: ['/bin/sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 3600 & wait $!; done'],
  end3: ['/bin/sh', '-c', 'echo to-stderr >&2; exit 3'],
  stubborn: ['/bin/sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'],
}
const programs = new Map<string, object>([
  [commands.serve.join(' '), { stopCode: 0, log: ['ready'] }],
  [commands.end3.join(' '), { exit: { code: 3 }, log: ['to-stderr'] }],
  [commands.stubborn.join(' '), { stopCode: null, log: ['ready'] }],
])

const spec = (name: string, Cmd: string[], options: object = {}, from = image) => ({
  name: named(name),
  Image: from,
  Cmd,
  Env: ['A=1'],
  Labels: { [label]: uuid, 'ai.gpulab.test': id },
  HostConfig: { Init: true, NetworkMode: 'none', ...options },
})
const never = AbortSignal.timeout(600_000)

/** What of a container is the same in both. */
async function look(engine: Engine, name: string): Promise<object | string> {
  const found = await findContainer(engine, named(name))
  if (!found) return 'gone'
  const { state, exitCode, oomKilled, network } = found
  return {
    name: found.name,
    label: found.labels[label],
    state,
    exitCode,
    oomKilled,
    network,
    hasStarted: found.startedAt !== null,
    hasFinished: found.finishedAt !== null,
    runs: found.pid > 0,
    volumes: found.volumes.map(({ path }) => path),
  }
}
const untilState = (engine: Engine, name: string, state: string) =>
  eventually(
    async () => {
      expect(await look(engine, name)).toMatchObject({ state })
      return state
    },
    { timeoutMs: 20_000 },
  )
async function readLog(engine: Engine, name: string): Promise<string[]> {
  const texts: string[] = []
  for await (const { payload } of readLogFrames(engine, named(name), { follow: false }, never)) {
    texts.push(payload.toString().replace(/^\S+ /, ''))
  }
  return texts
}
/** Until its program does with a stop what it is there for. */
const untilReady = (engine: Engine, name: string) =>
  eventually(async () => {
    const lines = await readLog(engine, name)
    expect(lines).toEqual(['ready\n'])
    return lines
  })
const volumesOf = async (engine: Engine, name: string) =>
  (await findContainer(engine, named(name)))?.volumes ?? []
const mountsOf = (volumes: readonly { name: string; path: string }[]) => ({
  Mounts: volumes.map(({ name: Source, path: Target }) => ({ Type: 'volume', Source, Target })) as [],
})

type Call = (engine: Engine, notes: Map<string, string>) => Promise<unknown>
const calls: [string, Call][] = [
  ['starts what is not there', (engine) => startContainer(engine, named('none'))],
  ['stops what is not there', (engine) => stopContainer(engine, named('none'))],
  ['removes what is not there', (engine) => removeContainer(engine, named('none'), { volumes: true })],
  ['finds what is not there', (engine) => look(engine, 'none')],
  [
    'creates without an image',
    (engine) => createContainer(engine, spec('a', commands.serve, {}, 'no/such:1')),
  ],
  ['creates', (engine) => createContainer(engine, spec('a', commands.serve))],
  ['sees it created', (engine) => look(engine, 'a')],
  ['creates it twice', (engine) => createContainer(engine, spec('a', commands.serve))],
  ['starts it', (engine) => startContainer(engine, named('a'))],
  ['waits until it serves', (engine) => untilReady(engine, 'a')],
  ['starts it twice', (engine) => startContainer(engine, named('a'))],
  ['sees it run', (engine) => look(engine, 'a')],
  ['starts it twice, by the engine itself', (engine) => engine.getContainer(named('a')).start()],
  ['removes it without force', (engine) => engine.getContainer(named('a')).remove()],
  ['stops it', (engine) => stopContainer(engine, named('a'))],
  ['sees it stopped', (engine) => look(engine, 'a')],
  ['stops it twice', (engine) => stopContainer(engine, named('a'))],
  [
    'gives each run a time of its own',
    async (engine) => {
      const before = (await findContainer(engine, named('a')))?.startedAt
      await startContainer(engine, named('a'))
      const now = await findContainer(engine, named('a'))
      return [before === now?.startedAt, now?.finishedAt, Number.isNaN(Date.parse(now?.startedAt ?? ''))]
    },
  ],
  ['removes it while it runs', (engine) => removeContainer(engine, named('a'), { volumes: true })],
  ['sees it gone', (engine) => look(engine, 'a')],
  ['creates one that ends', (engine) => createContainer(engine, spec('b', commands.end3))],
  ['starts one that ends', (engine) => startContainer(engine, named('b'))],
  ['sees it end', (engine) => untilState(engine, 'b', 'exited')],
  ['sees how it ended', (engine) => look(engine, 'b')],
  ['reads its log', (engine) => readLog(engine, 'b')],
  [
    'reads the log of none',
    (engine) => readLogFrames(engine, named('none'), { follow: false }, never).next(),
  ],
  ['creates a stubborn one', (engine) => createContainer(engine, spec('c', commands.stubborn))],
  ['starts a stubborn one', (engine) => startContainer(engine, named('c'))],
  ['waits until it is stubborn', (engine) => untilReady(engine, 'c')],
  [
    'stops it by force',
    (engine) =>
      engine
        .getContainer(named('c'))
        .stop({ t: 1 })
        .then(() => 'done'),
  ],
  ['sees that it was killed', (engine) => look(engine, 'c')],
  ['removes the stubborn one', (engine) => removeContainer(engine, named('c'), { volumes: true })],
  ['lists by label', async (engine) => (await listContainers(engine, uuid)).map(({ name }) => name)],
  [
    'lists by the label alone',
    async (engine) =>
      (await listContainers(engine)).filter(({ labels }) => labels['ai.gpulab.test'] === id).length,
  ],
  ['lists nothing by another label', (engine) => listContainers(engine, `${uuid}x`)],

  [
    'creates in a network that is not there',
    (engine) => createContainer(engine, spec('n', commands.serve, { NetworkMode: named('net') })),
  ],
  ['starts in a network that is not there', (engine) => startContainer(engine, named('n'))],
  ['sees that it never ran', (engine) => look(engine, 'n')],
  [
    'makes the network',
    (engine) => createNetwork(engine, { name: named('net'), bridge: `m${id}`, labels: { [label]: 'net' } }),
  ],
  ['makes it twice', (engine) => createNetwork(engine, { name: named('net'), bridge: `m${id}`, labels: {} })],
  ['starts in the network', (engine) => startContainer(engine, named('n'))],
  ['waits until it serves there', (engine) => untilReady(engine, 'n')],
  [
    'lists the network',
    async (engine) =>
      (await listNetworks(engine))
        .filter(({ name }) => name === named('net'))
        .map(({ bridge, labels }) => [bridge, labels]),
  ],
  ['removes the network while it is in use', (engine) => removeNetwork(engine, named('net'))],
  ['stops the one in the network', (engine) => stopContainer(engine, named('n'))],
  ['removes the network', (engine) => removeNetwork(engine, named('net'))],
  ['removes the network twice', (engine) => removeNetwork(engine, named('net'))],
  ['starts when its network is gone', (engine) => startContainer(engine, named('n'))],
  ['still has the one of the network', (engine) => look(engine, 'n')],
  ['removes the one of the network', (engine) => removeContainer(engine, named('n'), { volumes: true })],

  [
    'commits what is not there',
    (engine) => commitContainer(engine, named('none'), { ...saved('g1'), labels: {} }, never),
  ],
  [
    'commits an image with a volume',
    (engine) =>
      engine
        .getContainer(named('b'))
        .commit({
          _query: { container: named('b'), repo: saved('g1').repository, tag: 'g1' },
          _body: { Volumes: { '/data': {} }, Labels: { [label]: '' } },
        })
        .then(() => 'done'),
  ],
  [
    'finds it, with the labels of both',
    async (engine) => {
      const found = await findImage(engine, reference('g1'))
      return [found?.references, found?.labels[label], found?.labels['ai.gpulab.test'], found?.command]
    },
  ],
  ['creates from it', (engine) => createContainer(engine, spec('v', commands.serve, {}, reference('g1')))],
  ['sees its volume', (engine) => look(engine, 'v')],
  [
    'commits it',
    (engine) =>
      commitContainer(engine, named('v'), { ...saved('g2'), labels: { 'ai.gpulab.more': 'x' } }, never),
  ],
  [
    'lists the images by name',
    async (engine) =>
      (await listImages(engine, saved('').repository)).flatMap(({ references }) => references).toSorted(),
  ],
  [
    'lists all images',
    async (engine) =>
      (await listImages(engine)).flatMap(({ references }) => references).filter((each) => each.includes(uuid))
        .length,
  ],
  ['lists no images of another name', (engine) => listImages(engine, `${saved('').repository}x`)],
  [
    'creates with the volume of another',
    async (engine, notes) => {
      const [volume] = await volumesOf(engine, 'v')
      notes.set('volume', volume?.name ?? '')
      await createContainer(
        engine,
        spec('w', commands.serve, mountsOf(volume ? [volume] : []), reference('g2')),
      )
      return (await volumesOf(engine, 'w')).map(({ name, path }) => [name === volume?.name, path])
    },
  ],
  ['removes a volume in use', (engine, notes) => removeVolume(engine, notes.get('volume') ?? '')],
  [
    'removes its first container, with volumes',
    (engine) => removeContainer(engine, named('v'), { volumes: true }),
  ],
  [
    'sees the volume at the second',
    async (engine, notes) => (await volumesOf(engine, 'w')).map(({ name }) => name === notes.get('volume')),
  ],
  ['starts the second', (engine) => startContainer(engine, named('w'))],
  [
    'commits over an image',
    (engine) => commitContainer(engine, named('b'), { ...saved('g1'), labels: {} }, never),
  ],
  ['removes an image of one that runs', (engine) => removeImage(engine, reference('g2'))],
  ['finds no image of that name', async (engine) => (await findImage(engine, reference('g2'))) === undefined],
  ['sees the one of that image', (engine) => look(engine, 'w')],
  [
    'commits one whose image has no name',
    (engine) => commitContainer(engine, named('w'), { ...saved('g3'), labels: {} }, never),
  ],
  ['removes the second, with volumes', (engine) => removeContainer(engine, named('w'), { volumes: true })],
  [
    'still has the volume, which was given by name',
    (engine, notes) => removeVolume(engine, notes.get('volume') ?? ''),
  ],
  ['removes a volume that is not there', (engine) => removeVolume(engine, named('none'))],
  [
    'creates and removes one with a volume of its own',
    async (engine, notes) => {
      await createContainer(engine, spec('x', commands.serve, {}, reference('g3')))
      notes.set('own', (await volumesOf(engine, 'x'))[0]?.name ?? '')
      await removeContainer(engine, named('x'), { volumes: true })
    },
  ],
  [
    'has that volume no more',
    async (engine, notes) => {
      await engine.getVolume(notes.get('own') ?? '').remove()
    },
  ],
  [
    'creates and removes one, and keeps its volume',
    async (engine, notes) => {
      await createContainer(engine, spec('x', commands.serve, {}, reference('g3')))
      notes.set('own', (await volumesOf(engine, 'x'))[0]?.name ?? '')
      await removeContainer(engine, named('x'), { volumes: false })
    },
  ],
  [
    'has that volume still',
    (engine, notes) =>
      engine
        .getVolume(notes.get('own') ?? '')
        .remove()
        .then(() => 'done'),
  ],
  [
    'creates one to stay',
    (engine) => createContainer(engine, spec('y', commands.serve, {}, reference('g3'))),
  ],
  ['removes the image of one at rest, without force', (engine) => engine.getImage(reference('g3')).remove()],
  ['removes the image of one at rest', (engine) => removeImage(engine, reference('g3'))],
  ['starts one without an image', (engine) => startContainer(engine, named('y'))],
  ['removes one without an image', (engine) => removeContainer(engine, named('y'), { volumes: true })],
  ['removes an image', (engine) => removeImage(engine, reference('g1'))],
  ['removes an image twice', (engine) => removeImage(engine, reference('g1'))],
  ['has no image left', (engine) => listImages(engine, saved('').repository)],
  [
    'pulls what no registry has',
    (engine) =>
      pullImage(engine, { reference: '127.0.0.1:1/none:1', login: null }, () => {}, never).catch(
        () => 'refused',
      ),
  ],
  [
    'tells of what happens',
    async (engine) => {
      const end = new AbortController()
      const events = followEvents(engine, end.signal)
      const first = events.next()
      const heard = await eventually(async () => {
        await startContainer(engine, named('b'))
        return Promise.race([first, systemClock.wait(500).then(() => Promise.reject(new Error('silence')))])
      })
      end.abort()
      return heard
    },
  ],
  ['removes the last one', (engine) => removeContainer(engine, named('b'), { volumes: true })],
]

const memory = createMemoryEngine({
  clock: systemClock,
  programOf: ({ config }) => programs.get(config.Cmd?.join(' ') ?? '') ?? {},
})
memory.addImage(image, { Cmd: ['sh'] })
const engines = {
  memory: memory.engine,
  real: connectEngine((process.env['GPULAB_TEST_DOCKER_HOST'] ?? '').replace('unix://', '')),
}
type Outcome = Record<string, unknown>

async function perform(engine: Engine): Promise<Outcome[]> {
  const notes = new Map<string, string>()
  const outcomes: Outcome[] = []
  for (const [name, call] of calls) outcomes.push({ name, ...(await toOutcome(call(engine, notes))) })
  return outcomes
}

const toOutcome = (result: Promise<unknown>): Promise<object> =>
  result.then(
    (value) => ({ value }),
    (error: unknown) => ({
      status: error instanceof EngineError ? error.status : (error as { statusCode?: number }).statusCode,
    }),
  )

describe('the memory engine', () => {
  let real: Outcome[] = []
  beforeAll(async () => {
    real = await perform(engines.real)
  })
  afterAll(async () => {
    for (const { name } of await listContainers(engines.real, uuid)) {
      await removeContainer(engines.real, name, { volumes: true })
    }
    await removeNetwork(engines.real, named('net'))
  })

  it('answers every call as a real engine does', async () => {
    expect(await perform(engines.memory)).toEqual(real)
  })

  it('has as little left as a real engine', () => {
    expect(memory.world.containers.size).toBe(0)
    expect(memory.world.volumes.size).toBe(0)
    expect([...memory.world.images.values()].map(({ tags }) => tags)).toEqual([[image]])
  })

  it('is tried with calls that succeed and calls that fail', () => {
    const statuses = new Set(real.map(({ status }) => status))
    expect(statuses).toEqual(new Set([304, 404, 409, undefined]))
  })
})
