import { describe, expect, it } from 'vitest'
import Exec from './commands/exec.ts'
import { commandIds, commands } from './commands.ts'
import { execIds, execOptions, findRoute, separateCommand } from './route.ts'

const route = (...argv: string[]) =>
  findRoute(argv, {
    commandIds: new Set(commandIds.keys()),
    isExec: (id) => execIds.has(commandIds.get(id) ?? ''),
  })

describe('findRoute', () => {
  it.each([
    [['ls'], 'ls', []],
    [['containers', 'ls', '--json'], 'containers:ls', ['--json']],
    [['auth', 'login', '--api-key', 'x'], 'auth:login', ['--api-key', 'x']],
    [['--json', '--api-url', 'http://x', 'ls', '-q'], 'ls', ['--json', '--api-url', 'http://x', '-q']],
    [['inspect', 'help'], 'inspect', ['help']],
    [['templates', 'info', 'ls'], 'templates:info', ['ls']],
    [['exec', 'C', 'ls', '--help'], 'exec', ['C', '--', 'ls', '--help']],
    [['exec', '-it', 'C', 'sh', '-i'], 'exec', ['-it', 'C', '--', 'sh', '-i']],
    [['ssh', 'C', 'ls', '-t'], 'ssh', ['C', '--', 'ls', '-t']],
    [['sessions', 'ls', 'C'], 'sessions:ls', ['C']],
  ])('finds the command of %j', (argv, id, rest) =>
    expect(route(...argv)).toEqual({ kind: 'command', id, argv: rest }),
  )

  it.each([
    [[], ''],
    [['--help'], ''],
    [['help'], ''],
    [['help', 'auth', 'login'], 'auth:login'],
    [['containers'], 'containers'],
    [['ls', '--status', 'x', '-h'], 'ls'],
    [['exec', '--help'], 'exec'],
    [['exec', 'C', '-h', 'ls'], 'exec'],
  ])('helps with %j', (argv, id) => expect(route(...argv)).toEqual({ kind: 'help', id }))

  it('knows what it does not know', () => {
    expect(route('nope', 'x', '--json')).toEqual({ kind: 'unknown', words: ['nope', 'x'] })
    expect(route('help', 'nope')).toEqual({ kind: 'unknown', words: ['nope'] })
    expect(route('--json', '--version')).toEqual({ kind: 'version', argv: ['--json'] })
  })
})

describe('separateCommand', () => {
  it.each([
    [
      ['C', 'ls'],
      ['C', '--', 'ls'],
    ],
    [
      ['C', 'ls', '--', 'x'],
      ['C', '--', 'ls', '--', 'x'],
    ],
    [
      ['C', '--', 'ls'],
      ['C', '--', 'ls'],
    ],
    [
      ['C', '-e', 'A=1', '-w/x', '-qu', 'me', 'ls'],
      ['C', '-e', 'A=1', '-w/x', '-qu', 'me', '--', 'ls'],
    ],
    [
      ['--timeout=5', '--json', 'C', 'ls'],
      ['--timeout=5', '--json', 'C', '--', 'ls'],
    ],
    [['C'], ['C']],
  ])('of %j', (argv, separated) => expect(separateCommand(argv)).toEqual(separated))

  it('knows every flag of exec that takes a value', () => {
    const definitions = Object.entries({ ...Exec.baseFlags, ...Exec.flags })
    const options = definitions
      .filter(([, flag]) => flag.type === 'option')
      .flatMap(([name, { char }]) => [`--${name}`, ...(char ? [`-${char}`] : [])])
    expect([...execOptions].toSorted()).toEqual(options.toSorted())
  })
})

describe('the command table', () => {
  it('leads to a command each, with an example and without reading standard input', async () => {
    for (const [id, { load }] of Object.entries(commands)) {
      const { default: CommandClass } = await load()
      expect(CommandClass.examples?.length, id).toBeGreaterThan(0)
      for (const argument of Object.values(CommandClass.args)) {
        expect((argument as { ignoreStdin?: boolean }).ignoreStdin, id).toBe(true)
      }
    }
  })
})
