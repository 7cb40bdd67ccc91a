import { describe, expect, it } from 'vitest'
import { defaultGpus, readDownOptions, readUpOptions } from './options.ts'

const env = { HOME: '/home/ann' }

describe('the options of up', () => {
  it('have defaults', () => {
    expect(readUpOptions([], env)).toMatchObject({
      port: 7070,
      gatewayPort: 7080,
      gpus: defaultGpus,
      detach: false,
      smoke: false,
      moosefs: false,
    })
  })

  it('are read', () => {
    const args = ['--detach', '--state', '/srv/lab', '--port=0', '--moosefs', '--gpus', 'NVIDIA A100:40960']
    expect(readUpOptions(args, env)).toEqual({
      stateDir: '/srv/lab',
      port: 0,
      gatewayPort: 0,
      gpus: 'NVIDIA A100:40960',
      detach: true,
      smoke: false,
      moosefs: true,
    })
  })

  it('may ask for help', () => {
    expect(readUpOptions(['--help'], env)).toBeUndefined()
  })

  it.each([
    [['--port', 'http'], '"http" is not a port'],
    [['--port', '70000'], '"70000" is not a port'],
    [['--gateway-port', 'x'], '"x" is not a port'],
    [['--gpus', 'many'], '"many" is not a GPU specification'],
    [['--bogus'], "Unknown option '--bogus'"],
    [['now'], "Unexpected argument 'now'"],
    [['--smoke', '--detach'], '--smoke runs in a temporary folder'],
    [['--smoke', '--state', '/srv/lab'], '--smoke runs in a temporary folder'],
  ])('are refused when they are %j', (args, sentence) => {
    expect(() => readUpOptions(args, env)).toThrow(sentence)
  })
})

describe('the options of down', () => {
  it('are read', () => {
    expect(readDownOptions(['--state', '/srv/lab', '--purge'], env)).toEqual({
      stateDir: '/srv/lab',
      purge: true,
    })
  })

  it('refuse what only up has', () => {
    expect(() => readDownOptions(['--smoke'], env)).toThrow("Unknown option '--smoke'")
  })
})
