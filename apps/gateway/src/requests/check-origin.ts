import { parseHost } from './parse-host.ts'

/** `own`: the very address that is asked, or another port of the same container. */
export type Origin = 'own' | 'none' | 'foreign'

/**
 * Where the page is from that asks. Compared are whole names, never parts, and the port; not the scheme, since a
 * proxy in front may have ended TLS.
 */
export function originOf(
  origins: readonly string[],
  { host, uuid, domain }: { readonly host: string; readonly uuid: string; readonly domain: string },
): Origin {
  const [origin] = origins
  if (origin === undefined) return 'none'
  const [, authority = ''] = /^https?:\/\/([^/?#@\s]+)$/.exec(origin) ?? []
  if (origins.length > 1 || portOf(authority) !== portOf(host)) return 'foreign'
  const destination = parseHost(authority, domain)
  const isOfContainer = destination?.kind === 'port' || destination?.kind === 'terminal'
  return isOfContainer && destination.uuid === uuid ? 'own' : 'foreign'
}

/** Only the very address, for what opens everything in a container. */
export const isSameOrigin = (origins: readonly string[], host: string): boolean =>
  origins.length === 1 && (origins[0] === `https://${host}` || origins[0] === `http://${host}`)

const portOf = (authority: string): string => /:(\d+)$/.exec(authority)?.[1] ?? ''
