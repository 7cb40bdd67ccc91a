import type { TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { describe, expect, it } from 'vitest'
import { createSimulatedEngine, type Made, nextStep } from './engine.ts'

const wish = (changes: Partial<TargetContainer>): TargetContainer => ({
  uuid: '00000000-0000-4000-8000-000000000001',
  generation: 1,
  base_generation: null,
  desired: 'running',
  start_after: null,
  attempt: 1,
  restart: { policy: 'no', max_retries: null },
  restarts: 0,
  has_run: false,
  name: 'one',
  team_uuid: '00000000-0000-4000-8000-000000000002',
  image: 'x',
  registry_login: null,
  command: null,
  env: {},
  gpu_uuids: ['GPU-1'],
  memory_bytes: 1,
  cpus: null,
  volumes: [],
  ...changes,
})
const made = (changes: Partial<Made> = {}): Made => ({
  generation: 1,
  state: 'running',
  startedAt: 'then',
  finishedAt: null,
  gpuUuids: [],
  ...changes,
})

describe('the next step', () => {
  it.each([
    ['make it', wish({}), undefined, 'start'],
    ['let it run', wish({}), made(), undefined],
    ['let it lie that ended by itself', wish({}), made({ state: 'exited' }), undefined],
    ['start it again', wish({ start_after: 'then' }), made({ state: 'exited' }), 'start'],
    ['restart it', wish({ start_after: 'then' }), made(), 'start'],
    ['make it anew', wish({ generation: 2 }), made(), 'start'],
    ['stop it', wish({ desired: 'stopped' }), made(), 'stop'],
    ['leave it stopped', wish({ desired: 'stopped' }), made({ state: 'exited' }), undefined],
    ['not make what is to be stopped', wish({ desired: 'stopped' }), undefined, undefined],
    ['remove it', wish({ desired: 'absent' }), made(), 'remove'],
    ['leave it absent', wish({ desired: 'absent' }), undefined, undefined],
  ] as const)('%s', (_what, wanted, existing, step) => expect(nextStep(wanted, existing)).toBe(step))
})

describe('the simulated engine', () => {
  it('is busy with a step, then tells what came of it, and notices a card that is used twice', async () => {
    const engine = createSimulatedEngine(() => {})
    engine.follow([wish({})])
    expect(engine.facts()).toMatchObject([{ state: 'pulling', busy: true, gpu_uuids: ['GPU-1'] }])
    await eventually(() => expect(engine.facts()).toMatchObject([{ state: 'running', busy: false }]))
    expect(engine.doubleUses()).toBe(0)

    const other = '00000000-0000-4000-8000-000000000003'
    engine.follow([wish({}), wish({ uuid: other })])
    await eventually(() => expect(engine.running()).toBe(2))
    expect(engine.doubleUses()).toBe(1)

    engine.follow([wish({ desired: 'absent' }), wish({ uuid: other, desired: 'stopped' })])
    await eventually(() =>
      expect(engine.facts()).toMatchObject([{ uuid: other, state: 'exited', busy: false }]),
    )
  })
})
