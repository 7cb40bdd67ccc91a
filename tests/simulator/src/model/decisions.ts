import {
  decideDeletion,
  decideExpiry,
  decideRestart,
  decideStart,
  decideStop,
} from '../../../../apps/api/src/containers/decide-change.ts'
import { rankHosts } from '../../../../apps/api/src/containers/placement.ts'
import { isRival, serveLine } from '../../../../apps/api/src/containers/queue.ts'
import { statusOf, wishOf } from '../../../../apps/api/src/containers/status.ts'
import type { ContainerRecord, ContainerRow } from '../../../../apps/api/src/containers/store.ts'
import { decideReport } from '../../../../apps/api/src/hosts/decide-report.ts'
import { toRemovals } from '../../../../apps/api/src/hosts/removals.ts'
import { isReplaced } from '../../../../apps/api/src/hosts/is-replaced.ts'
import { isBeforeLast } from './apply-report.ts'
import { isCleared } from './operate-host.ts'

/** Every decision of the control plane, the real ones unless a bug is put in their place. */
export const realDecisions = {
  decideDeletion,
  decideExpiry,
  decideReport,
  decideRestart,
  decideStart,
  decideStop,
  rankHosts,
  isReplaced,
  isRival,
  serveLine,
  toRemovals,
  statusOf,
  wishOf,
  isBeforeLast,
  isCleared,
  /** Without its leases nothing may run. */
  mayRun: ({ row, gpus }: ContainerRecord): boolean => row.holds && gpus.length === row.gpuCount,
  /** Under what a request is remembered. */
  keyOf: (key: string): string => key,
  /** What is stored of a change of intent. */
  intent: (change: Partial<ContainerRow>): Partial<ContainerRow> => change,
}
export type Decisions = typeof realDecisions
