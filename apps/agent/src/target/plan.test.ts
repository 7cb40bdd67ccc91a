import type { TargetContainer } from '@gpulab/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plan, type Step } from './plan.ts'

interface Run {
  name: string
  generation: number
  state: 'created' | 'running' | 'exited'
  startedAt: string | null
}

const wish = (fields: Partial<TargetContainer> = {}): TargetContainer => ({
  uuid: '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a10',
  generation: 2,
  desired: 'running',
  start_after: null,
  attempt: 1,
  name: 'c',
  team_uuid: '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a11',
  image: 'i',
  command: null,
  env: {},
  gpu_uuids: [],
  memory_bytes: 0,
  cpus: null,
  ...fields,
})
const run = (state: Run['state'], startedAt: string | null, generation = 2): Run => ({
  name: `g${generation}`,
  generation,
  state,
  startedAt,
})
const brief = (steps: readonly Step[]): string =>
  steps.map((step) => (step.do === 'remove' ? `remove g${step.generation}` : step.do)).join(', ')

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
    ['stops a running one', { desired: 'stopped' }, [run('running', 't1')], 'stop'],
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
  ])('%s', (_, fields, observed, expected) => {
    expect(brief(plan(wish(fields), observed))).toBe(expected)
  })
})

/** An engine in as few lines as will do: each start is a run with a time of its own. */
function apply(runs: readonly Run[], step: Step, now: () => string): Run[] {
  const generation = 'container' in step ? step.container.generation : step.generation
  const others = runs.filter((each) => each.generation !== generation)
  const current = runs.find((each) => each.generation === generation)
  switch (step.do) {
    case 'remove':
      return others
    case 'create':
      if (current) throw new Error('The name is taken.')
      return [...runs, run('created', null, generation)]
    case 'stop':
      return [...others, { ...(current ?? run('exited', null)), state: 'exited' }]
    case 'start':
    case 'restart':
      if (!current) throw new Error('There is nothing to start.')
      if (step.do === 'start' && current.state === 'running') throw new Error('It was started twice.')
      return [...others, { ...current, state: 'running', startedAt: now() }]
  }
}

describe('plan, whatever is there', () => {
  const times = ['t1', 't2']
  const runs = fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }).chain((generations) =>
    fc.tuple(
      ...generations.map((generation) =>
        fc.oneof(
          fc.constant(run('created', null, generation)),
          fc
            .tuple(fc.constantFrom('running' as const, 'exited' as const), fc.constantFrom(...times))
            .map(([state, startedAt]) => run(state, startedAt, generation)),
        ),
      ),
    ),
  )
  const wishes = fc
    .record({
      generation: fc.integer({ min: 1, max: 4 }),
      desired: fc.constantFrom('running' as const, 'stopped' as const, 'absent' as const),
      start_after: fc.constantFrom(null, ...times),
    })
    .map(wish)

  it('has nothing left to do once it was done, and starts at most one run', () => {
    fc.assert(
      fc.property(wishes, runs, (wanted, before) => {
        let clock = 2
        const now = () => `t${++clock}`
        const after = plan(wanted, before).reduce((state, step) => apply(state, step, now), before)
        expect(plan(wanted, after)).toEqual([])
        expect(clock - 2).toBeLessThanOrEqual(1)
        if (wanted.desired !== 'running') expect(clock).toBe(2)
      }),
    )
  })

  it('gets there from wherever it was broken off', () => {
    fc.assert(
      fc.property(
        wishes,
        runs,
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 }),
        (wanted, before, cuts) => {
          let clock = 2
          const now = () => `t${++clock}`
          let state: Run[] = before
          for (const done of [...cuts, Infinity]) {
            for (const step of plan(wanted, state).slice(0, done)) state = apply(state, step, now)
          }
          expect(plan(wanted, state)).toEqual([])
          expect(clock - 2).toBeLessThanOrEqual(1)
        },
      ),
    )
  })
})
