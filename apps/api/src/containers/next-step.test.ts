import type { Status } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { nextStepOf, type StepContext } from './next-step.ts'

const reasonOf = (code: string) => ({ code, message: '' })
const step = (status: Status, code?: string, context: Partial<StepContext> = {}) =>
  nextStepOf(status, code === undefined ? null : reasonOf(code), {
    name: 'job',
    canGoOn: true,
    isHostOpen: true,
    ...context,
  })

describe('the next step', () => {
  it('after a drain is another host, until its own takes work again', () => {
    expect(step('stopped', 'host_drained', { isHostOpen: false })).toMatch(/^gpulab redeploy job /)
    expect(step('stopped', 'host_drained')).toBe('gpulab start job runs it again.')
    expect(step('stopped', 'exited', { isHostOpen: false })).toMatch(/^gpulab redeploy job /)
  })

  it('of one that ends again and again is to look, and to end that', () => {
    expect(step('restarting', 'exited')).toContain('gpulab stop job')
    expect(step('restarting')).toBeNull()
  })

  it('after a failure never loses files that there are', () => {
    expect(step('failed', 'gpu_busy')).toContain('gpulab start job tries again with its files')
    expect(step('failed', 'gpu_busy', { canGoOn: false })).not.toContain('start')
  })
})
