import { describe, expect, it } from 'vitest'
import { type CommandShape, completeArguments, completeCommand } from './candidates.ts'

const ids = ['ls', 'logs', 'hosts', 'hosts:add', 'hosts:rm', 'sessions:ls', 'admin:keys:create']

describe('completeCommand', () => {
  it.each([
    [[''], ['admin', 'help', 'hosts', 'logs', 'ls', 'sessions']],
    [['l'], ['logs', 'ls']],
    [
      ['hosts', ''],
      ['add', 'rm'],
    ],
    [['sessions', 'l'], ['ls']],
    [['admin', 'keys', ''], ['create']],
    [['nothing', ''], []],
  ])('of %j is %j', (typed, words) => {
    expect(completeCommand(typed, ids)).toEqual({ kind: 'words', words })
  })
})

const command: CommandShape = {
  flags: {
    template: { type: 'option' },
    status: { type: 'option', char: 's', options: ['running', 'stopped'] },
    wait: { type: 'boolean' },
  },
  args: ['container', 'id'],
  isMultiple: false,
}
const words = (...list: string[]) => ({ kind: 'words', words: list })

describe('completeArguments', () => {
  it.each([
    [['--'], words('--status', '--template', '--wait')],
    [['--wa'], words('--wait')],
    [['--status', 'r'], words('running')],
    [['-s', ''], words('running', 'stopped')],
    [['--template', 'py'], { kind: 'names', of: 'template', prefix: 'py' }],
    [[''], { kind: 'names', of: 'container', prefix: '' }],
    [['--wait', 'jo'], { kind: 'names', of: 'container', prefix: 'jo' }],
    [['--template', 'x', 'jo'], { kind: 'names', of: 'container', prefix: 'jo' }],
    [['job', ''], words()],
    [['job', '--', ''], words()],
    [['job', '--', '-'], words()],
  ])('of %j is %j', (typed, wanted) => {
    expect(completeArguments(typed, command)).toEqual(wanted)
  })

  it('goes on with the names of more of them', () => {
    const many = { ...command, args: ['containers'], isMultiple: true }
    expect(completeArguments(['one', 'two', 't'], many)).toEqual({
      kind: 'names',
      of: 'container',
      prefix: 't',
    })
  })
})
