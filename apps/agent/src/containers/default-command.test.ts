import { describe, expect, it } from 'vitest'
import { chooseCommand } from './default-command.ts'

const choose = (command: string[], entrypoint: string[] = [], given: string[] | null = null) =>
  chooseCommand(given, { command, entrypoint })
const keepAlive = expect.arrayContaining(['/bin/sh', '-c', expect.stringContaining('sleep')])

describe('the command', () => {
  it('of the user runs as it was typed', () => {
    expect(choose(['x'], ['/entry'], ['a', 'b'])).toEqual({ entrypoint: [], command: ['a', 'b'] })
  })

  it.each([[['nginx', '-g', 'x']], [['bash', '-c', 'serve']], [['python3', 'app.py']], [['jupyter', 'lab']]])(
    'of the image stays: %j',
    (command) => {
      expect(choose(command)).toEqual({})
      expect(choose(command, ['/entry.sh'])).toEqual({})
    },
  )

  it.each([
    [['bash']],
    [['/bin/bash']],
    [['sh', '-l']],
    [['python3']],
    [['/usr/bin/python3.11']],
    [['node']],
  ])('that needs a terminal gives way: %j', (command) => {
    expect(choose(command)).toMatchObject({
      entrypoint: [],
      command: keepAlive,
      note: expect.stringContaining(command.join(' ')),
    })
    // The entrypoint still prepares things.
    const prepared = choose(command, ['/opt/entry.sh'])
    expect(prepared.command).toEqual(keepAlive)
    expect(prepared).not.toHaveProperty('entrypoint')
  })

  it('is kept alive where the image has none', () => {
    expect(choose([])).toMatchObject({ entrypoint: [], command: keepAlive })
    expect(choose([], ['/bin/bash'])).toMatchObject({ entrypoint: [], command: keepAlive })
    expect(choose([], ['/serve'])).toEqual({})
  })
})
