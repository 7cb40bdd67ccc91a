import type { Hello } from '@gpulab/contract'
import type { HostRow } from './store.ts'

/**
 * Whether a later run of the agent speaks for the host than the one that says hello: each proves its key anew when it
 * begins, so that its sessions have greater numbers.
 */
export const isReplaced = (
  host: Pick<HostRow, 'bootId' | 'bootConnect'>,
  { boot_id: bootId }: Pick<Hello, 'boot_id'>,
  sessionNumber: number,
): boolean => host.bootId !== bootId && sessionNumber < host.bootConnect
