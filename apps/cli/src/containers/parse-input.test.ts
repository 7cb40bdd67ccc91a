import { describe, expect, it } from 'vitest'
import { parseEnvironment, parsePorts, parseVolumes } from './parse-input.ts'

describe('parsePorts', () => {
  it('reads lists and drops doubles', () => expect(parsePorts(['8080, 8888', '8080'])).toEqual([8080, 8888]))
  it.each(['0', '65536', '80:80', 'http', '-1'])('refuses %s', (text) =>
    expect(() => parsePorts([text])).toThrow('is not a port'),
  )
})

describe('parseEnvironment', () => {
  it('splits at the first = and takes a bare name from here', () => {
    expect(parseEnvironment(['A=1=2', 'EMPTY=', 'HERE'], { HERE: 'x' })).toEqual({
      A: '1=2',
      EMPTY: '',
      HERE: 'x',
    })
  })
  it.each(['=x', '1A=x', 'A-B=x', 'NOT_HERE'])('refuses %s', (text) =>
    expect(() => parseEnvironment([text], {})).toThrow(),
  )
})

describe('parseVolumes', () => {
  it.each([
    [['data:/data'], undefined, { name: 'data', mount_path: '/data', read_only: false }],
    [['data:/data:ro'], undefined, { name: 'data', mount_path: '/data', read_only: true }],
    [['data'], '/workspace', { name: 'data', mount_path: '/workspace', read_only: false }],
  ])('reads %j with %s', (flags, path, volume) => expect(parseVolumes(flags, path)).toEqual([volume]))
  it.each([
    [['data'], undefined],
    [['data:relative'], undefined],
    [['data:/x:rw'], undefined],
    [[':/x'], undefined],
    [['a', 'b'], '/x'],
    [['a:/x'], '/x'],
  ])('refuses %j with %s', (flags, path) => expect(() => parseVolumes(flags, path)).toThrow())
})
