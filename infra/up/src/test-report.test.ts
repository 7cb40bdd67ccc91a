import { describe, expect, it } from 'vitest'
import { toReport } from './test-report.ts'

const file = (name: string, status: string, ...tests: string[]) => ({
  name,
  status,
  assertionResults: tests.map((result) => ({ status: result })),
})

describe('the report of a run', () => {
  it('counts its tests and names the files that failed', () => {
    const testResults = [file('a', 'passed', 'passed', 'passed'), file('b', 'failed', 'passed', 'failed')]
    expect(toReport({ numPassedTests: 3, numFailedTests: 1, testResults })).toEqual({
      passed: 3,
      failed: 1,
      failedFiles: ['b'],
    })
  })

  it('counts a file that failed outside its tests as one failure', () => {
    const testResults = [file('a', 'failed'), file('b', 'failed', 'passed')]
    expect(toReport({ numPassedTests: 1, numFailedTests: 0, testResults })).toEqual({
      passed: 1,
      failed: 2,
      failedFiles: ['a', 'b'],
    })
  })
})
