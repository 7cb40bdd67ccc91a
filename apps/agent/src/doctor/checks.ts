import type { HostCheck } from '@gpulab/contract'
import type { Deps } from '../deps.ts'

/** What of this host has been looked at, and what was found. */
export function readChecks(_deps: Deps): Promise<HostCheck[]> {
  return Promise.resolve([])
}
