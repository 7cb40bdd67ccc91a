/** What the name in a request's Host stands for. */
export type Destination =
  | { readonly kind: 'port'; readonly uuid: string; readonly port: number }
  | { readonly kind: 'terminal'; readonly uuid: string }
  /** Below the proxy's domain, but no name that is given to anything. */
  | { readonly kind: 'nothing' }
  /** Not below the proxy's domain: for the gateway itself. */
  | { readonly kind: 'gateway' }

const portMax = 65_535
const authority = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/
const label = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-(terminal|[1-9][0-9]{0,4})$/

/**
 * Reads a Host. Names are taken as they are printed and in no other way (no capitals, no dot at the end), so that
 * what two parsers may understand differently is refused: undefined.
 */
export function parseHost(host: string, domain: string): Destination | undefined {
  const [, name, port] = authority.exec(host) ?? []
  if (name === undefined || Number(port ?? 0) > portMax) return undefined
  if (name.startsWith('.') || name.endsWith('.') || name.includes('..')) return undefined
  if (!name.endsWith(`.${domain}`)) return { kind: 'gateway' }
  const [, uuid, what] = label.exec(name.slice(0, -domain.length - 1)) ?? []
  if (uuid === undefined || what === undefined) return { kind: 'nothing' }
  if (what === 'terminal') return { kind: 'terminal', uuid }
  return Number(what) <= portMax ? { kind: 'port', uuid, port: Number(what) } : { kind: 'nothing' }
}
