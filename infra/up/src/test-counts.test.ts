import { describe, expect, it } from 'vitest'
import { addCounts, toCounts } from './test-counts.ts'

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((result) => ({ status: result })),
})

describe('the tests of a report', () => {
  it('are counted', () => {
    const testResults = [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed')]
    expect(toCounts({ numPassedTests: 3, numFailedTests: 1, testResults })).toEqual({ passed: 3, failed: 1 })
  })

  it('count a file that failed outside its tests as one failure', () => {
    const testResults = [file('failed'), file('failed', 'passed')]
    expect(toCounts({ numPassedTests: 1, numFailedTests: 0, testResults })).toEqual({ passed: 1, failed: 2 })
  })

  it('add up over several reports', () => {
    expect(
      addCounts([
        { passed: 2, failed: 0 },
        { passed: 3, failed: 1 },
      ]),
    ).toEqual({ passed: 5, failed: 1 })
    expect(addCounts([])).toEqual({ passed: 0, failed: 0 })
  })
})
