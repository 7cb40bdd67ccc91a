import { readFile } from 'node:fs/promises'

/** What a run of vitest's came to. */
export interface TestReport {
  readonly passed: number
  readonly failed: number
  /** Absolute paths of the test files in which something failed. */
  readonly failedFiles: readonly string[]
}

export const noTests: TestReport = { passed: 0, failed: 0, failedFiles: [] }

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  testResults: { name: string; status: string; assertionResults: { status: string }[] }[]
}

/** Reads a report of vitest's. A run that left none has failed as a whole. */
export async function readReport(file: string): Promise<TestReport> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined ? { ...noTests, failed: 1 } : toReport(JSON.parse(text) as VitestReport)
}

/** A file that failed outside its tests (it could not be loaded, or its hooks failed) counts as one failed test. */
export function toReport({ numPassedTests, numFailedTests, testResults }: VitestReport): TestReport {
  const failed = testResults.filter(({ status }) => status === 'failed')
  const broken = failed.filter(
    ({ assertionResults }) => !assertionResults.some(({ status }) => status === 'failed'),
  )
  return {
    passed: numPassedTests,
    failed: numFailedTests + broken.length,
    failedFiles: failed.map(({ name }) => name),
  }
}
