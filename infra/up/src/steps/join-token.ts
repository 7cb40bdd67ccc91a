import { access, rm } from 'node:fs/promises'
import { writeSecret } from '../keys.ts'
import { waitUntil } from '../processes.ts'
import type { StateLayout } from '../state-layout.ts'
import type { ApiClient } from './api-client.ts'

const connectedStates = new Set(['active', 'cordoned', 'draining'])
/** Longer than a host has to be silent to count as such. */
const silenceMs = 60_000

/**
 * Gives an agent that is no host yet a token for this system's host: also where an earlier version has left a host of
 * that name, or the agent's key is lost. No machine takes the place of a host that is connected, so it waits until the
 * host of before counts as silent.
 */
export async function ensureJoinToken(
  layout: StateLayout,
  api: ApiClient,
  signal: AbortSignal,
): Promise<void> {
  const hasJoined = await access(layout.identityFile).then(
    () => true,
    () => false,
  )
  if (hasJoined) {
    await rm(layout.joinTokenFile, { force: true })
    return
  }
  const isFree = async (): Promise<boolean> => {
    const { items } = await api.hosts.list({ query: { name: layout.hostName } }, { signal })
    return items.every(({ state }) => !connectedStates.has(state))
  }
  if (!(await waitUntil(isFree, { timeoutMs: silenceMs, intervalMs: 500, signal }))) {
    throw new Error(`Another agent is connected as host ${layout.hostName}: stop it first.`)
  }
  const { token } = await api.hosts.invite({ body: { host_name: layout.hostName } })
  await writeSecret(layout.joinTokenFile, token)
}
