import { describe, expect, it } from 'vitest'
import { defaultStateDir, toStateLayout } from './state-layout.ts'

describe('a state folder', () => {
  it('gives the system names that no other folder gives', () => {
    const [one, other] = [toStateLayout('/srv/one'), toStateLayout('/srv/other')]
    for (const name of ['hostName', 'bridgePrefix', 'firewallChain'] as const) {
      expect(one[name]).not.toBe(other[name])
      expect(toStateLayout('/srv/one')[name]).toBe(one[name])
    }
  })

  it('gives names that the agent takes', () => {
    const { bridgePrefix, firewallChain } = toStateLayout('/srv/one')
    expect(bridgePrefix).toMatch(/^[a-z][a-z0-9]{0,5}$/)
    expect(firewallChain).toMatch(/^[A-Za-z][A-Za-z0-9_-]{0,23}$/)
  })

  it.each([
    [{ HOME: '/home/ann' }, true, '/var/lib/gpulab/up'],
    [{ HOME: '/home/ann' }, false, '/home/ann/.local/state/gpulab'],
    [{ HOME: '/home/ann', XDG_STATE_HOME: '/home/ann/state' }, false, '/home/ann/state/gpulab'],
  ])('is by default where %j and root %j say', (env, isRoot, folder) => {
    expect(defaultStateDir(env, isRoot)).toBe(folder)
  })
})
