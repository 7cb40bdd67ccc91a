import { describe, expect, it } from 'vitest'
import { readFleetOptions } from './options.ts'

describe('the options', () => {
  it('have twenty containers for each host', () => {
    expect(readFleetOptions([])).toMatchObject({ hosts: 1000, containers: 20_000, uplinks: true })
    expect(readFleetOptions(['--hosts', '5', '--no-uplinks'])).toMatchObject({
      containers: 100,
      uplinks: false,
    })
  })

  it('give nothing when help is asked for', () => expect(readFleetOptions(['--help'])).toBeUndefined())

  it.each(['0', '-1', '1.5', 'x'])('refuse %s hosts', (text) => {
    expect(() => readFleetOptions([`--hosts=${text}`])).toThrow(/--hosts takes a number/)
  })
})
