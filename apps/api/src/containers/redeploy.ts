import { type Container, GpulabError } from '@gpulab/contract'
import type { Moments } from '@gpulab/fail-points'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import type { Remember } from '../idempotency/service.ts'
import { requireBalance } from '../usage/service.ts'
import { requireQuota } from '../quotas/service.ts'
import { decideWaitAgain, wrongState } from './decide-change.ts'
import { noCapacity } from './explain-shortage.ts'
import { changeIntent } from './lifecycle.ts'
import { placeContainer, toRequest } from './place-container.ts'
import { presentOne } from './present.ts'
import { findRivals } from './serve-line.ts'
import { getRecord } from './service.ts'
import { statusOf } from './status.ts'
import { type ContainerRecord, findAnyContainer } from './store.ts'
import { writePlace } from './write-intent.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock' | 'metrics'> & { readonly moment: Moments }

/**
 * Makes a failed or stopped container anew from its image, wherever there is room. Its host has to have proven that it
 * is at rest: what may still run there must not run twice.
 */
export async function redeployContainer(
  deps: Parts,
  principal: Principal,
  uuid: string,
  remember: Remember,
): Promise<Container> {
  const record = await getRecord(deps, principal, uuid)
  const { row } = record
  await requireBalance(deps, row.teamUuid, row.gpuCount)
  const oldHost = row.hostUuid
  if (oldHost === null) return waitAgain(deps, principal, uuid, remember)
  requireAtRest(record)
  const generation = row.generation + 1
  const shortage =
    (await findRivals(deps, row)) ??
    (await placeContainer(
      deps,
      { ...toRequest(row), residesOn: oldHost },
      { uuid, generation },
      async (tx, placed) => {
        const current = await findAnyContainer(tx, uuid)
        // Another request came first; the transaction is given up.
        if (!current || current.row.generation !== row.generation || current.row.attempt !== row.attempt) {
          throw wrongState(current ?? record, 'be redeployed')
        }
        requireAtRest(current)
        await requireQuota(tx, row.teamUuid, { gpus: row.gpuCount })
        await writePlace(
          tx,
          current,
          { ...placed, ...anew, generation, attempt: row.attempt + 1 },
          deps.clock.now(),
        )
        await remember(tx, uuid)
      },
      [oldHost],
    ))
  if (shortage) throw noCapacity(shortage, 'gpulab gpus shows which GPUs are free; try again later.')
  return presentOne(deps, await getRecord(deps, principal, uuid))
}

// Its old host keeps nothing of it: an agent removes what is not in its target.
const anew = { desired: 'running', baseGeneration: null, startAfter: null } as const

function requireAtRest(record: ContainerRecord): void {
  const { status } = statusOf(record.intent, record.facts)
  if (status !== 'failed' && status !== 'stopped') throw wrongState(record, 'be redeployed')
  if (!record.row.holds) return
  throw new GpulabError('host_unreachable', {
    message: `Host ${record.host?.name ?? ''} has not confirmed yet that ${record.row.name} is at rest.`,
    hint: `Try again in a moment. If the host is lost for good, ask your operator to fence it (gpulab hosts fence).`,
  })
}

/** One that left the line without a place gets in line again, at its end. */
const waitAgain = (deps: Parts, principal: Principal, uuid: string, remember: Remember): Promise<Container> =>
  changeIntent(deps, principal, uuid, remember, async (record, tx) => {
    const change = decideWaitAgain(record, deps.clock.now())
    if (change) await requireQuota(tx, record.row.teamUuid, { gpus: record.row.gpuCount })
    return change
  })
