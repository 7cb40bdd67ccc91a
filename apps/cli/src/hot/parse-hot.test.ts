import { Config } from '@oclif/core/config'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandIds, commands } from '../commands.ts'
import { execIds, findRoute, splitAtSeparator } from '../route.ts'
import { parseHot } from './parse-hot.ts'

const config = await Config.load({
  root: import.meta.dirname,
  pjson: {
    name: 'gpulab',
    version: '0.0.0',
    oclif: { bin: 'gpulab', dirname: 'gpulab', topicSeparator: ' ' },
  },
  ignoreManifest: true,
})

/** As the framework understands the line. */
async function parseByFramework(argv: readonly string[]): Promise<unknown> {
  const route = findRoute(argv, {
    commandIds: new Set(commandIds.keys()),
    isExec: (id) => execIds.has(commandIds.get(id) ?? ''),
  })
  const id =
    route.kind === 'version' ? 'version' : route.kind === 'command' ? commandIds.get(route.id) : undefined
  const entry = commands[id ?? '']
  if (!id || !entry || !('argv' in route)) return undefined
  const { default: CommandClass } = await entry.load()
  const { own, command } = execIds.has(id) ? splitAtSeparator(route.argv) : { own: route.argv, command: [] }
  const instance = new CommandClass(own, config)
  const parsed = await (
    instance as unknown as { parse: (options: object) => Promise<{ flags: object; args: object }> }
  ).parse(CommandClass)
  return { id, flags: set(parsed.flags), args: parsed.args, command }
}

/** The framework also names flags that were not given. */
const set = (flags: object): object =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined && value !== false))

function parseHotLike(argv: readonly string[]): unknown {
  const hot = parseHot(argv)
  if (!hot) return undefined
  const status = hot.id === 'ls' && hot.status !== undefined ? { status: hot.status } : {}
  const isExec = hot.id === 'exec' || hot.id === 'ssh'
  return {
    id: hot.id,
    flags: { ...hot.flags, ...status },
    args: isExec ? { container: hot.container } : {},
    command: isExec ? hot.command : [],
  }
}

describe('parseHot', () => {
  it.each([
    'version',
    '--version',
    '--version --json',
    'ls',
    'containers list -q --status running',
    '--json ls --api-key KEY --timeout 5',
    'exec C -- true',
    'exec C true -x --json',
    'exec --json C -e A=1 -e B=2 -w /x -u me -i -- sh -c x',
    '--debug containers exec C -- --help',
    'exec C -t -- true',
    'exec -it C sh -it',
    'exec C --interactive',
    'ssh C',
    'ssh C -e A=1 -w /x --user me --timeout 5',
    'containers ssh C -t top -d 1',
  ])('takes %j, as the framework does', async (line) => {
    const argv = line.split(' ')
    expect(parseHotLike(argv)).toBeDefined()
    expect(parseHotLike(argv)).toEqual(await parseByFramework(argv))
  })

  it.each([
    'ls --help',
    'ls -h',
    'ls extra',
    'ls --status odd',
    'ls --statu running',
    'ls --json=true',
    'ls -- x',
    'ls --timeout',
    'ls --api-key A --api-key B',
    'version extra',
    'exec',
    'exec -- true',
    'exec C -t --json -- true',
    'exec C --json --interactive',
    'exec C -qit -- sh',
    'exec C -d -- true',
    'ssh',
    'ssh C -it',
    'ssh C --web',
    'ssh C --help',
    'exec C -eA=1 -- true',
    'help ls',
    'sessions ls',
    '',
  ])('leaves %j to the framework', (line) => {
    expect(parseHot(line.split(' ').filter((word) => word !== ''))).toBeUndefined()
  })

  it('never understands a line in another way than the framework', async () => {
    const word = fc.constantFrom(
      ...'ls containers list version exec ssh help C D - -- --json -q --quiet --no-color -i -t -it -ti -qi --stdin --tty --interactive'.split(
        ' ',
      ),
      ...'-e A=1 --env --env=B=2 -w --workdir /x -u me --status running odd --api-key KEY --timeout 5'.split(
        ' ',
      ),
      ...'--debug --insecure --version -h --help --no-json true sh -c'.split(' '),
      '',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 7 }), async (argv) => {
        const hot = parseHotLike(argv)
        if (hot !== undefined) expect(hot).toEqual(await parseByFramework(argv))
      }),
      { numRuns: 1500 },
    )
  })
})
