import { describe, expect, it } from 'vitest'
import { matchByName } from './match.ts'
import { choose } from './resolve.ts'
import { distanceOf, suggest, suggestCommand } from './suggest.ts'

const options = { noun: 'GPU type', notFound: 'gpu_type_not_found' } as const
const types = ['NVIDIA A100', 'NVIDIA A100 80GB', 'NVIDIA GeForce RTX 4090', 'nvidia a100'].map((name) => ({
  name,
}))

describe('matchByName', () => {
  it.each([
    ['NVIDIA A100', 'NVIDIA A100'],
    ['nvidia a100', 'nvidia a100'],
    ['rtx 4090', 'NVIDIA GeForce RTX 4090'],
    ['80gb', 'NVIDIA A100 80GB'],
  ])('takes %s for %s', (text, name) => expect(matchByName(text, types, options).name).toBe(name))

  it('lists the candidates instead of guessing', () => {
    expect(() => matchByName('A100', types, options)).toThrow(
      'more than one GPU type: NVIDIA A100, NVIDIA A100 80GB, nvidia a100.',
    )
    expect(() => matchByName('NVIDIA a100', types, options)).toThrow('more than one')
    expect(() => matchByName('H100', types, options)).toThrow('There is no GPU type "H100".')
  })
})

describe('choose', () => {
  const kind = {
    noun: 'container',
    notFound: 'container_not_found',
    listCommand: 'gpulab ls',
    isLeaving: ({ status }: { status: string }) => status === 'deleting',
  } as const
  const containers = [
    { uuid: 'abcdef12-0000-4000-8000-000000000000', name: 'one', status: 'running' },
    { uuid: 'abcdef34-0000-4000-8000-000000000000', name: 'two', status: 'running' },
    { uuid: '99999999-0000-4000-8000-000000000000', name: 'abcdef12', status: 'stopped' },
    { uuid: '77777777-0000-4000-8000-000000000000', name: 'two', status: 'deleting' },
    { uuid: '88888888-0000-4000-8000-000000000000', name: 'gone', status: 'deleting' },
  ]
  it.each([
    ['one', 'one'],
    ['gone', 'gone'],
    ['777777', 'two'],
    ['abcdef3', 'two'],
    ['ABCDEF34...', 'two'],
    ['999999', 'abcdef12'],
  ])('takes %s for %s', (reference, name) => expect(choose(kind, reference, containers).name).toBe(name))

  it('takes the one that stays over its predecessor of the same name', () => {
    expect(choose(kind, 'two', containers).uuid).toMatch(/^abcdef34/)
  })

  it.each([
    ['abcdef', 'matches 2 containers'],
    ['abcdef12', 'matches 2 containers'],
    ['99999', 'There is no container'],
    ['ONE', 'There is no container'],
    ['on', 'There is no container'],
  ])('refuses %s', (reference, text) => expect(() => choose(kind, reference, containers)).toThrow(text))
})

describe('suggest', () => {
  it('finds what was meant', () => {
    expect(suggest('inspct', ['ls', 'inspect', 'exec'])).toBe('inspect')
    expect(suggest('something', ['ls', 'inspect'])).toBeUndefined()
    expect(distanceOf('kitten', 'sitting')).toBe(3)
  })

  it.each([
    ['run ubuntu', 'deploy'],
    ['delete web', 'rm'],
    ['login', 'auth login'],
    ['ps', 'ls'],
    ['deply', 'deploy'],
    ['containers inspct', 'containers inspect'],
    // One letter from rm, and nobody meant that.
    ['em', undefined],
    ['constructor', undefined],
  ])('means for %j the command %j', (typed, command) => {
    const known = ['deploy', 'rm', 'ls', 'logs', 'inspect', 'containers inspect', 'auth login']
    expect(suggestCommand(typed.split(' '), known)).toBe(command)
  })
})
