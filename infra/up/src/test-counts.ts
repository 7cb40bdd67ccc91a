import { readFile } from 'node:fs/promises'

export interface TestCounts {
  passed: number
  failed: number
}

export const noTests: TestCounts = { passed: 0, failed: 0 }

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

/** Counts the tests of a report of vitest's. A run that left none has failed as a whole. */
export async function countTests(file: string): Promise<TestCounts> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined ? { passed: 0, failed: 1 } : toCounts(JSON.parse(text) as VitestReport)
}

/** A file that failed outside its tests (it could not be loaded, or its hooks failed) counts as one failed test. */
export function toCounts({ numPassedTests, numFailedTests, testResults }: VitestReport): TestCounts {
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
  )
  return { passed: numPassedTests, failed: numFailedTests + broken.length }
}

export const addCounts = (counts: readonly TestCounts[]): TestCounts => ({
  passed: counts.reduce((sum, { passed }) => sum + passed, 0),
  failed: counts.reduce((sum, { failed }) => sum + failed, 0),
})
