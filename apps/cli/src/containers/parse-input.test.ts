import { describe, expect, it } from 'vitest'
import { parseEnvironment, parseList, parsePorts, parseRestart, parseVolumes } from './parse-input.ts'

describe('parsePorts', () => {
  it('reads lists and drops doubles', () =>
    expect(parsePorts(['8080, 8888', '8080'])).toEqual({ ports: [8080, 8888], port_modes: {} }))
  it('reads modes', () =>
    expect(parsePorts(['8080:public,8888:private'])).toEqual({
      ports: [8080, 8888],
      port_modes: { 8888: 'private' },
    }))
  it.each(['0', '65536', '80:80', 'http', '-1', '80:', '80:private:x', '80:Private'])('refuses %s', (text) =>
    expect(() => parsePorts([text])).toThrow('is not a port'),
  )
})

describe('parseEnvironment', () => {
  it('names the flag that was given', () => {
    expect(() => parseEnvironment(['1'], {}, '--secret')).toThrow(
      expect.objectContaining({ hint: 'Write it like --secret KEY=VALUE.' }),
    )
  })

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

describe('parseRestart', () => {
  it.each([
    ['no', 'no', null],
    ['on-failure', 'on-failure', null],
    ['on-failure:5', 'on-failure', 5],
    ['unless-stopped', 'unless-stopped', null],
  ])('reads %s', (text, policy, retries) =>
    expect(parseRestart(text)).toEqual({ policy, max_retries: retries }),
  )
  it.each([
    'always',
    '',
    'on-failure:',
    'on-failure:0',
    'on-failure:1001',
    'on-failure:-1',
    'on-failure:1:2',
    'no:3',
    'unless-stopped:1',
  ])('refuses %j', (text) => expect(() => parseRestart(text)).toThrow('is not a restart policy'))
})

describe('parseList', () => {
  it('keeps the order, and drops blanks', () =>
    expect(parseList(['RTX 4090, A100', ' ', 'H100,'])).toEqual(['RTX 4090', 'A100', 'H100']))
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
