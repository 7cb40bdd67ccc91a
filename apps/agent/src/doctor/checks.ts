import type { HostCheck } from '@gpulab/contract'
import { toPlainText } from '../plain-text.ts'
import { judge } from './judge.ts'
import { type DoctorDeps, type DoctorOptions, readFacts } from './read-facts.ts'

const messageMaxCharacters = 1000

/** What is well with this machine and what is not. Never throws: what cannot be looked at is what is not well. */
export async function readChecks(deps: DoctorDeps, options: DoctorOptions = {}): Promise<HostCheck[]> {
  const checks = judge(await readFacts(deps, options))
  return checks.map((check) => ({
    ...check,
    message: toPlainText(check.message).slice(0, messageMaxCharacters),
  }))
}

/** As `readChecks`, and what containers get here: for a machine that is about to join. */
export const testMachine = (deps: DoctorDeps): Promise<HostCheck[]> =>
  readChecks(deps, { tryContainers: true })
