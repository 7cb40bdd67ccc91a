import { isIP } from 'node:net'

// https://pkg.go.dev/github.com/distribution/reference, where `name` is split at a registry as below.
const part = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domain = String.raw`(?:${label}(?:\.${label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`
const algorithm = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*'
const registryGrammar = new RegExp(`^${domain}$`)
const grammar = new RegExp(
  String.raw`^(?:${domain}/)?${part}(?:/${part})*(?::\w[\w.-]{0,127})?(?:@${algorithm}:[0-9a-fA-F]{32,})?$`,
)

/** Whether an engine takes it for the name of an image. */
export const isImageReference = (reference: string): boolean => grammar.test(reference)

export const dockerHub = 'docker.io'
const namesOfDockerHub = new Set([dockerHub, 'index.docker.io', 'registry-1.docker.io'])

/** Where an image comes from: what stands before the first slash, if it looks like a host; else Docker Hub. */
export function findRegistry(reference: string): string {
  const [first = '', ...rest] = reference.split('/')
  // Repositories are lower case, so that engines take capitals for a host's.
  const isHost = rest.length > 0 && (/[.:A-Z]/.test(first) || first === 'localhost')
  return isHost ? toRegistry(first) : dockerHub
}

/** The one name of a registry that has several. */
export function toRegistry(host: string): string {
  const name = host.toLowerCase()
  return namesOfDockerHub.has(name) ? dockerHub : name
}

/** Whether it could stand before the slash, with a port or without. */
export const isRegistry = (text: string): boolean => registryGrammar.test(text)

/**
 * Whether a tenant may name this registry. The engine asks it from inside the operator's network, so addresses and local
 * names are refused unless the operator allows them.
 */
export function isAllowedRegistry(registry: string, allowed: readonly string[]): boolean {
  if (registry === dockerHub || allowed.includes(registry)) return true
  const host = registry.replace(/:\d+$/, '').replace(/\.$/, '')
  if (/[^a-z0-9.-]/.test(host)) return false
  // Also the numbers that resolvers take for addresses: 2130706433, 0x7f.1.
  if (isIP(host) !== 0 || /^[0-9a-fx.]*\d$/.test(host)) return false
  return (
    host.includes('.') && !/(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp)$/.test(host)
  )
}

/** As the engine lists it: a name alone means its latest tag. */
export const withTag = (reference: string): string =>
  reference.includes('@') || /:[^/]+$/.test(reference) ? reference : `${reference}:latest`
