import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jumpsLead, renderIpv6Rules, renderRules, toJumps } from './firewall-rules.ts'
import { toBridge } from './team-networks.ts'
import { freeSubnets, parseRange } from './subnets.ts'

const layout = { chain: 'GPULAB', prefix: 'gl', closedPorts: [] }

describe('the rules', () => {
  it('open a bridge to itself, close it to all others, to the host and to link-local addresses', () => {
    expect(renderRules(layout, ['gl-0a0a0a0a']).split('\n')).toEqual([
      '*filter',
      ':GPULAB-IN - [0:0]',
      ':GPULAB-FWD - [0:0]',
      '-A GPULAB-IN -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
      '-A GPULAB-IN -d 169.254.0.0/16 -j REJECT',
      '-A GPULAB-IN -j DROP',
      '-A GPULAB-FWD -i gl-0a0a0a0a -o gl-0a0a0a0a -j RETURN',
      '-A GPULAB-FWD -i gl-+ -d 169.254.0.0/16 -j REJECT',
      '-A GPULAB-FWD -i gl-+ -o gl-+ -j DROP',
      '-A GPULAB-FWD -o gl-+ -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN',
      '-A GPULAB-FWD -o gl-+ -j DROP',
      'COMMIT',
      '',
    ])
    expect(renderIpv6Rules(layout)).toContain('-A GPULAB-FWD -j DROP')
  })

  it('keep tenants from those that serve volumes to this host', () => {
    const rules = renderRules({ ...layout, closedPorts: ['9419:9422'] }, ['gl-0a0a0a0a']).split('\n')
    const closed = rules.indexOf('-A GPULAB-FWD -i gl-+ -p tcp --dport 9419:9422 -j REJECT')
    expect(closed).toBeGreaterThan(rules.indexOf('-A GPULAB-FWD -i gl-0a0a0a0a -o gl-0a0a0a0a -j RETURN'))
  })
})

describe('our jumps', () => {
  const listed = (chain: string, parent: string) =>
    toJumps({ ...layout, chain })
      .filter((jump) => jump.parent === parent)
      .map(({ rule }) => `-A ${parent} ${rule.join(' ')}`)
  const ours = listed('GPULAB', 'FORWARD')

  it('lead when nothing but agents is before them', () => {
    expect(
      jumpsLead(layout, 'FORWARD', ['-P FORWARD DROP', ...ours, '-A FORWARD -j DOCKER-USER'].join('\n')),
    ).toBe(true)
    const others = listed('GPULAB-2', 'FORWARD')
    expect(jumpsLead(layout, 'FORWARD', [...others, ...ours].join('\n'))).toBe(true)
    expect(jumpsLead(layout, 'INPUT', listed('GPULAB', 'INPUT').join('\n'))).toBe(true)
  })

  it('do not lead behind a foreign rule, or when one is missing', () => {
    expect(jumpsLead(layout, 'FORWARD', ['-A FORWARD -j ACCEPT', ...ours].join('\n'))).toBe(false)
    expect(jumpsLead(layout, 'FORWARD', ours.slice(1).join('\n'))).toBe(false)
    expect(jumpsLead(layout, 'FORWARD', listed('GPULAB-2', 'FORWARD').join('\n'))).toBe(false)
    expect(jumpsLead(layout, 'INPUT', '')).toBe(false)
  })
})

describe('subnets', () => {
  it('are taken in order around those that are in use', () => {
    const taken = ['10.1.0.0/26', '10.1.0.130/32', '172.17.0.0/16', 'fd00::/64']
    expect([...freeSubnets('10.1.0.0/24', taken)]).toEqual(['10.1.0.64/26', '10.1.0.192/26'])
    expect([...freeSubnets('10.1.0.0/24', ['10.0.0.0/8'])]).toEqual([])
    expect([...freeSubnets('10.1.0.32/28', [])]).toEqual(['10.1.0.32/28'])
    expect(parseRange('10.1.0.300/24')).toBeUndefined()
  })

  it('never overlap one another or what is taken', () => {
    const cidr = fc
      .tuple(fc.nat(255), fc.nat(255), fc.integer({ min: 16, max: 32 }))
      .map(([c, d, bits]) => `10.1.${c}.${d}/${bits}`)
    fc.assert(
      fc.property(fc.array(cidr, { maxLength: 5 }), (taken) => {
        const ranges = [...freeSubnets('10.1.0.0/20', taken), ...taken].map((text) => parseRange(text))
        const free = ranges.slice(0, ranges.length - taken.length)
        for (const [index, a] of free.entries()) {
          for (const b of [...free.slice(index + 1), ...ranges.slice(free.length)]) {
            if (a && b) expect(a.first < b.first + b.size && b.first < a.first + a.size).toBe(false)
          }
        }
      }),
    )
  })
})

describe('the name of a bridge', () => {
  it('is the beginning of the team, or another where two teams begin alike', () => {
    const team = '0a0a0a0a-9a53-4b53-8c39-2f5f0a1e7a10'
    expect(toBridge('gl', team, new Set())).toBe('gl-0a0a0a0a')
    const second = toBridge('gl', team, new Set(['gl-0a0a0a0a']))
    expect(second).toMatch(/^gl-[0-9a-f]{8}$/)
    const third = toBridge('gl', team, new Set(['gl-0a0a0a0a', second]))
    expect(new Set(['gl-0a0a0a0a', second, third]).size).toBe(3)
  })
})
