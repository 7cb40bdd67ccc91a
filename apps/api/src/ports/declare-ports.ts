import { type Container, GpulabError, type PortMode } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { toPortColumns, toPortModes } from '../containers/port-modes.ts'
import { presentOne } from '../containers/present.ts'
import { getRecord } from '../containers/service.ts'
import { updateContainer } from '../containers/store.ts'
import { urlOfPort } from '../containers/view.ts'
import type { Deps } from '../deps.ts'
import { sealGrant } from '../secrets/grant.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

/** Says which ports have a URL, and for whom. Gateways see it within seconds; nothing of the container changes. */
export async function declarePorts(
  deps: Parts,
  principal: Principal,
  uuid: string,
  input: { readonly ports: readonly number[]; readonly port_modes: Readonly<Record<string, PortMode>> },
): Promise<Container> {
  const columns = toPortColumns(input.ports, input.port_modes)
  await getRecord(deps, principal, uuid)
  await deps.db.transaction((tx) => updateContainer(tx, uuid, columns))
  return presentOne(deps, await getRecord(deps, principal, uuid))
}

/** A link with which a browser gets in, until it expires or the key that made it does not count any more. */
export async function makeLink(
  deps: Parts,
  principal: Principal,
  { uuid, port }: { readonly uuid: string; readonly port: number },
  ttlSeconds: number,
): Promise<{ url: string; expires_at: string }> {
  const { row } = await getRecord(deps, principal, uuid)
  const url = urlOfPort(deps.config.proxyUrl, uuid, port)
  if (url === null) throw new GpulabError('not_available', { message: 'This installation has no gateway.' })
  if (toPortModes(row)[port] === undefined) {
    throw new GpulabError('port_not_found', {
      message: `Port ${port} of ${row.name} is not declared.`,
      hint: `gpulab ports set ${row.name} says which ports have a URL.`,
    })
  }
  const expiresAt = new Date(deps.clock.now().getTime() + ttlSeconds * 1000)
  const { keyId } = principal
  const token = sealGrant(deps.config.pepper, 'port-link', { containerUuid: uuid, port, keyId, expiresAt })
  return { url: `${url}/?gpulab_access=${token}`, expires_at: expiresAt.toISOString() }
}
