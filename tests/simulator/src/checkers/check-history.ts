import type { History, Violation } from '../history.ts'
import { checkDeletions } from './check-deletions.ts'
import { checkFiles } from './check-files.ts'
import { checkLine } from './check-line.ts'
import { checkPolicy } from './check-policy.ts'
import { checkOrder } from './check-reports.ts'
import { checkCards, checkLeased, checkLeases, checkOneHolder } from './check-runs.ts'
import { checkOnce, checkTold } from './check-told.ts'

/** Everything that must have held all the time. */
export const checkHistory = (history: History): Violation[] =>
  [
    checkOneHolder,
    checkLeased,
    checkLeases,
    checkCards,
    checkOrder,
    checkDeletions,
    checkFiles,
    checkTold,
    checkOnce,
    checkLine,
    checkPolicy,
  ].flatMap((check) => check(history))
