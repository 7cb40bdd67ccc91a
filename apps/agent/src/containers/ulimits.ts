import { readFile } from 'node:fs/promises'
import type { Ulimit } from './spec.ts'

/** CUDA and NCCL pin memory; data loaders and servers open many files. */
const full: readonly Ulimit[] = [
  { Name: 'core', Soft: 0, Hard: 0 },
  { Name: 'memlock', Soft: -1, Hard: -1 },
  { Name: 'nofile', Soft: 1_048_576, Hard: 1_048_576 },
]
/** What an engine without CAP_SYS_RESOURCE can set; the rest stays as the engine itself has it. */
const modest: readonly Ulimit[] = [{ Name: 'core', Soft: 0, Hard: 0 }]

export interface Ulimits {
  current(): readonly Ulimit[]
  /** The engine could not set them. False when there is nothing less to ask for. */
  fallBack(): boolean
}

const sysResource = 1n << 24n

/** Begins with what this process could do itself: on most hosts the engine can do the same. */
export async function createUlimits(): Promise<Ulimits> {
  const status = await readFile('/proc/self/status', 'utf8')
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  let chosen = (effective & sysResource) === 0n ? modest : full
  return {
    current: () => chosen,
    fallBack: () => {
      if (chosen === modest) return false
      chosen = modest
      return true
    },
  }
}
