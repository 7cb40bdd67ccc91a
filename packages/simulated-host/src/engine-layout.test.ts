import { describe, expect, test } from 'vitest'
import { toEngineLayout } from './engine-layout.ts'

describe('toEngineLayout', () => {
  test('keeps sockets in the state folder where they fit', () => {
    expect(toEngineLayout('/var/lib/gpulab', 'up').socketPath).toBe('/var/lib/gpulab/run/docker.sock')
  })

  test('puts the sockets of a long state folder into a short one', () => {
    const layout = toEngineLayout(`/tmp/${'long-'.repeat(20)}`, 'up')
    expect(layout.socketPath).toMatch(/^\/run\/gpulab-[0-9a-f]{10}\/docker\.sock$/)
  })

  test('names a bridge that the kernel accepts', () => {
    expect(toEngineLayout('/a', 'A very long name').bridge).toMatch(/^gplaveryl[0-9a-f]{5}0$/)
    expect(toEngineLayout('/a', 'A very long name').bridge.length).toBeLessThanOrEqual(15)
  })

  test('tells engines of one name by their state folder', () => {
    const [a, b] = [toEngineLayout('/a', 'up'), toEngineLayout('/b', 'up')]
    expect([a.bridge, a.chain, a.cgroup]).not.toEqual([b.bridge, b.chain, b.cgroup])
  })
})
