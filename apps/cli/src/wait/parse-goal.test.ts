import { describe, expect, it } from 'vitest'
import { describeGoal, parseGoal } from './parse-goal.ts'

describe('parseGoal', () => {
  it.each([
    ['running', { kind: 'status', status: 'running' }],
    ['stopped', { kind: 'status', status: 'stopped' }],
    ['port:1', { kind: 'port', port: 1 }],
    ['port:65535', { kind: 'port', port: 65_535 }],
    ['log:/ready/', { kind: 'log', pattern: /ready/ }],
    ['log:/a/b: c/i', { kind: 'log', pattern: /a\/b: c/i }],
    [String.raw`log:/\bepoch \d+$/`, { kind: 'log', pattern: /\bepoch \d+$/ }],
  ])('reads %s', (text, goal) => {
    expect(parseGoal(text)).toEqual(goal)
  })

  it.each([
    ['', 'nothing that can be waited for'],
    ['failed', 'nothing that can be waited for'],
    ['port', 'nothing that can be waited for'],
    ['port:', 'not a port'],
    ['port:0', 'not a port'],
    ['port:65536', 'not a port'],
    ['port:80x', 'not a port'],
    ['log:ready', 'between slashes'],
    ['log://', 'between slashes'],
    // It would remember where it was in the line before.
    ['log:/a/g', 'between slashes'],
    ['log:/(/', 'Invalid regular expression'],
    ['log:/a/ii', 'not a regular expression'],
  ])('rejects %j', (text, why) => {
    expect(() => parseGoal(text)).toThrow(why)
  })

  it.each(['running', 'port:8888', 'log:/a b/i'])('is %s again when it is told', (text) => {
    expect(describeGoal(parseGoal(text))).toBe(text)
  })
})
