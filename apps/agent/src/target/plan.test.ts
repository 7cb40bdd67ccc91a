import type { TargetContainer } from '@gpulab/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plan, type Present, type Step } from './plan.ts'

type Run = Present['containers'][number] & { files: string }
type Image = Present['images'][number] & { files: string }
interface Engine {
  containers: Run[]
  images: Image[]
}

const wish = (fields: Partial<TargetContainer> = {}): TargetContainer => ({
  uuid: '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a10',
  generation: 2,
  base_generation: null,
  desired: 'running',
  start_after: null,
  attempt: 1,
  restart: { policy: 'no', max_retries: null },
  restarts: 0,
  has_run: false,
  name: 'c',
  team_uuid: '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a11',
  image: 'i',
  registry_login: null,
  command: null,
  env: {},
  gpu_uuids: [],
  memory_bytes: 0,
  cpus: null,
  volumes: [],
  ...fields,
})
const run = (state: Run['state'], startedAt: string | null, generation = 2, files = 'new'): Run => ({
  name: `g${generation}`,
  generation,
  state,
  startedAt,
  finishedAt: state === 'exited' ? 'then' : null,
  exitCode: state === 'exited' ? 1 : null,
  oomKilled: false,
  files,
})
const image = (generation: number, files = 'saved'): Image => ({
  reference: `:g${generation}`,
  generation,
  volumes: [],
  files,
})
const never = { count: 0, after: null }
const planFor = (wanted: TargetContainer, { containers, images }: Partial<Engine>): Step[] =>
  plan(wanted, { containers: containers ?? [], images: images ?? [], restarts: never })

function toBrief(step: Step): string {
  switch (step.do) {
    case 'remove':
      return `remove g${step.generation}${step.volumes ? '' : ' without its volumes'}`
    case 'commit':
    case 'stop':
      return `${step.do} g${step.generation}`
    case 'create':
      return step.from === null ? 'create' : `create from :g${step.from}`
    case 'forget':
      return `forget ${step.images.map(({ reference }) => reference).join(' ')}${step.volumes ? '' : ' only'}`
    case 'rerun':
      return `rerun after ${step.afterMs} ms`
    case 'lose':
    case 'restart':
    case 'start':
      return step.do
  }
}
const brief = (steps: readonly Step[]): string => steps.map(toBrief).join(', ')

describe('plan', () => {
  it.each<[string, Partial<TargetContainer>, Run[], string]>([
    ['makes what is missing', {}, [], 'create, start'],
    ['starts what was only created', {}, [run('created', null)], 'start'],
    ['lets a running one be', {}, [run('running', 't1')], ''],
    ['lets one be that has ended by itself', {}, [run('exited', 't1')], ''],
    ['starts the run after the one that ended', { start_after: 't1' }, [run('exited', 't1')], 'start'],
    [
      'restarts the run that a new one shall follow',
      { start_after: 't1' },
      [run('running', 't1')],
      'restart',
    ],
    ['lets the run be that followed', { start_after: 't1' }, [run('running', 't2')], ''],
    ['lets the run be that followed and has ended', { start_after: 't1' }, [run('exited', 't2')], ''],
    ['makes one whose earlier run is gone', { start_after: 't1' }, [], 'create, start'],
    ['removes an older generation first', {}, [run('running', 't1', 1)], 'remove g1, create, start'],
    ['removes an older generation beside', {}, [run('exited', 't1', 1), run('running', 't2')], 'remove g1'],
    ['does nothing when a newer generation is there', {}, [run('running', 't1', 3)], ''],
    ['stops a running one', { desired: 'stopped' }, [run('running', 't1')], 'stop g2'],
    ['has nothing to stop', { desired: 'stopped' }, [run('exited', 't1')], ''],
    ['has nothing to stop when it never ran', { desired: 'stopped' }, [run('created', null)], ''],
    ['makes nothing only to stop it', { desired: 'stopped' }, [], ''],
    [
      'removes an older generation when stopped',
      { desired: 'stopped' },
      [run('running', 't1', 1)],
      'remove g1',
    ],
    [
      'removes all',
      { desired: 'absent' },
      [run('exited', 't1', 1), run('running', 't2', 3)],
      'remove g1, remove g3',
    ],
    ['has nothing to remove', { desired: 'absent' }, [], ''],
  ])('%s', (_, fields, containers, expected) => {
    expect(brief(planFor(wish(fields), { containers }))).toBe(expected)
  })
})

describe('plan of a container that goes on with its files', () => {
  const [g1, g2, g3] = [run('exited', 't1', 1), run('exited', 't2', 2), run('exited', 't3', 3)]
  it.each<[string, Partial<TargetContainer>, Partial<Engine>, string]>([
    [
      'makes it from what was at rest',
      {},
      { containers: [g1] },
      'commit g1, create from :g2, remove g1 without its volumes, start',
    ],
    [
      'stops first what still runs',
      {},
      { containers: [run('running', 't1', 1)] },
      'stop g1, commit g1, create from :g2, remove g1 without its volumes, start',
    ],
    [
      'goes on after the commit',
      {},
      { containers: [g1], images: [image(2)] },
      'commit g1, create from :g2, remove g1 without its volumes, start',
    ],
    [
      'goes on after the creation',
      {},
      { containers: [g1, run('created', null)], images: [image(2)] },
      'remove g1 without its volumes, start',
    ],
    ['goes on after the removal', {}, { containers: [run('created', null)], images: [image(2)] }, 'start'],
    ['lets the new one be', {}, { containers: [run('running', 't2')], images: [image(2)] }, ''],
    ['goes on from the image alone', {}, { images: [image(2)] }, 'create from :g2, start'],
    [
      'goes on from an older image when there is no newer one',
      { generation: 3 },
      { images: [image(2)] },
      'create from :g2, start',
    ],
    ['tells when all is gone', {}, {}, 'lose'],
    [
      'takes the newest, whichever it was to be',
      { generation: 4, base_generation: 1 },
      { containers: [g1, g3], images: [image(2), image(3)] },
      'commit g3, create from :g4, remove g1 without its volumes, remove g3 without its volumes, start, forget :g2 :g3 only',
    ],
    [
      'takes the older one when that of the base was never made',
      { generation: 3, base_generation: 2 },
      { containers: [g1], images: [image(2)] },
      'commit g1, create from :g3, remove g1 without its volumes, start, forget :g2 only',
    ],
    [
      'forgets older images once the container is there',
      { generation: 3 },
      { containers: [g3], images: [image(2), image(3)] },
      'forget :g2 only',
    ],
    ['leaves the older one alone when stopped', { desired: 'stopped' }, { containers: [g1] }, ''],
    [
      'stops the older one when that is all it shall do',
      { desired: 'stopped' },
      { containers: [run('running', 't1', 1)] },
      'stop g1',
    ],
    [
      'stops the new one',
      { desired: 'stopped' },
      { containers: [g1, run('running', 't2')] },
      'remove g1 without its volumes, stop g2',
    ],
    [
      'starts the run after one of the new one',
      { start_after: 't2' },
      { containers: [g2], images: [image(2)] },
      'start',
    ],
  ])('%s', (_, fields, engine, expected) => {
    expect(brief(planFor(wish({ base_generation: 1, ...fields }), engine))).toBe(expected)
  })

  it('ends with nothing left of it', () => {
    const engine = { containers: [g2], images: [image(2), image(3)] }
    expect(brief(planFor(wish({ desired: 'absent' }), engine))).toBe('remove g2, forget :g2 :g3')
  })

  it('keeps nothing of it when it is made anew from its image', () => {
    const engine = { containers: [g2], images: [image(2)] }
    expect(brief(planFor(wish({ generation: 3 }), engine))).toBe('remove g2, forget :g2, create, start')
  })
})

describe('plan of a container whose run has ended', () => {
  const always = { restart: { policy: 'unless-stopped' as const, max_retries: null } }
  it.each<[string, Partial<TargetContainer>, Run[], string]>([
    ['starts it again', always, [run('exited', 't1')], 'rerun after 100 ms'],
    ['starts the wished run first', { ...always, start_after: 't1' }, [run('exited', 't1')], 'start'],
    ['lets it be when stopped', { ...always, desired: 'stopped' }, [run('exited', 't1')], ''],
    ['removes it', { ...always, desired: 'absent' }, [run('exited', 't1')], 'remove g2'],
    ['starts a new one for the first time', always, [run('created', null)], 'start'],
    ['has nothing to do while it runs', always, [run('running', 't1')], ''],
  ])('%s', (_, fields, containers, expected) => {
    expect(brief(planFor(wish(fields), { containers }))).toBe(expected)
  })

  it('lets it be when its command can not be started', () => {
    const present = { containers: [run('exited', 't1')], images: [], restarts: null }
    expect(plan(wish(always), present)).toEqual([])
  })
})

/** An engine in as few lines as will do: each start is a run with a time of its own. */
function apply({ containers, images }: Engine, step: Step, now: () => string): Engine {
  const generationOf = (): number => {
    if (step.do === 'forget') return 0
    return 'container' in step ? step.container.generation : step.generation
  }
  const others = containers.filter((each) => each.generation !== generationOf())
  const current = containers.find((each) => each.generation === generationOf())
  switch (step.do) {
    case 'remove':
      return { containers: others, images }
    case 'commit': {
      const source = containers.find((each) => each.generation === step.generation)
      if (source?.state !== 'exited' && source?.state !== 'created') throw new Error('It is not at rest.')
      const kept = images.filter((each) => each.generation !== step.container.generation)
      return { containers, images: [...kept, image(step.container.generation, source.files)] }
    }
    case 'create': {
      if (current) throw new Error('The name is taken.')
      const from = images.find((each) => each.generation === step.from)
      if (step.from !== null && !from) throw new Error('There is no such image.')
      return { containers: [...containers, run('created', null, generationOf(), from?.files)], images }
    }
    case 'stop':
      return { containers: [...others, { ...(current ?? run('exited', null)), state: 'exited' }], images }
    case 'forget':
      return { containers, images: images.filter((each) => !step.images.includes(each)) }
    case 'lose':
      throw new Error('There was something left.')
    case 'start':
    case 'restart':
    case 'rerun':
      if (!current) throw new Error('There is nothing to start.')
      if (containers.length > 1) throw new Error('An older generation is still there.')
      if (step.do === 'start' && current.state === 'running') throw new Error('It was started twice.')
      return { containers: [...others, { ...current, state: 'running', startedAt: now() }], images }
  }
}

describe('plan, whatever is there', () => {
  const times = ['t1', 't2']
  const generations = fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })
  const containers = generations.chain((found) =>
    fc.tuple(
      ...found.map((generation) =>
        fc.oneof(
          fc.constant(run('created', null, generation, `files of g${generation}`)),
          fc
            .tuple(fc.constantFrom('running' as const, 'exited' as const), fc.constantFrom(...times))
            .map(([state, startedAt]) => run(state, startedAt, generation, `files of g${generation}`)),
        ),
      ),
    ),
  )
  const images = generations.map((found) => found.map((generation) => image(generation, `:g${generation}`)))
  const engines: fc.Arbitrary<Engine> = fc.record({ containers, images })
  const wishes = fc
    .record({
      generation: fc.integer({ min: 1, max: 4 }),
      desired: fc.constantFrom('running' as const, 'stopped' as const, 'absent' as const),
      start_after: fc.constantFrom(null, ...times),
      base_generation: fc.constantFrom(null, 1),
    })
    .map(wish)
  const hasLost = (wanted: TargetContainer, engine: Engine): boolean =>
    planFor(wanted, engine).some((step) => step.do === 'lose')

  it('has nothing left to do once it was done, and starts at most one run', () => {
    fc.assert(
      fc.property(wishes, engines, (wanted, before) => {
        fc.pre(!hasLost(wanted, before))
        let clock = 2
        const now = () => `t${++clock}`
        const after = planFor(wanted, before).reduce((state, step) => apply(state, step, now), before)
        expect(planFor(wanted, after)).toEqual([])
        expect(clock - 2).toBeLessThanOrEqual(1)
        if (wanted.desired !== 'running') expect(clock).toBe(2)
      }),
    )
  })

  it('gets there from wherever it was broken off, with the newest files', () => {
    fc.assert(
      fc.property(
        wishes,
        engines,
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 6 }),
        (wanted, before, cuts) => {
          fc.pre(!hasLost(wanted, before))
          let clock = 2
          const now = () => `t${++clock}`
          let state = before
          for (const done of [...cuts, Infinity]) {
            for (const step of planFor(wanted, state).slice(0, done)) state = apply(state, step, now)
          }
          expect(planFor(wanted, state)).toEqual([])
          expect(clock - 2).toBeLessThanOrEqual(1)
          if (wanted.desired === 'running') expect(filesOf(state, wanted)).toBe(expectedFiles(wanted, before))
        },
      ),
    )
  })

  const filesOf = ({ containers }: Engine, { generation }: TargetContainer): string | undefined =>
    containers.find((each) => each.generation === generation)?.files

  function expectedFiles(wanted: TargetContainer, { containers, images }: Engine): string | undefined {
    const upTo = <T extends { generation: number }>(all: readonly T[]): T[] =>
      all.filter(({ generation }) => generation <= wanted.generation)
    const newest = <T extends { generation: number }>(all: readonly T[]): T | undefined =>
      all.toSorted((a, b) => b.generation - a.generation)[0]
    if (containers.length > upTo(containers).length) return filesOf({ containers, images }, wanted)
    if (wanted.base_generation === null) return filesOf({ containers, images }, wanted) ?? 'new'
    return (newest(upTo(containers)) ?? newest(upTo(images)))?.files
  }
})
