import { access, rm } from 'node:fs/promises'
import { writeSecret } from '../keys.ts'
import type { StateLayout } from '../state-layout.ts'
import type { ApiClient } from './api-client.ts'

/**
 * Gives an agent that is no host yet a token for this system's host: also where an earlier version has left a host of
 * that name, or the agent's key is lost.
 */
export async function ensureJoinToken(layout: StateLayout, api: ApiClient): Promise<void> {
  const hasJoined = await access(layout.identityFile).then(
    () => true,
    () => false,
  )
  if (hasJoined) {
    await rm(layout.joinTokenFile, { force: true })
    return
  }
  const { token } = await api.hosts.invite({ body: { host_name: layout.hostName } })
  await writeSecret(layout.joinTokenFile, token)
}
