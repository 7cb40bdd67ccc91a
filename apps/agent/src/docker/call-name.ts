const kinds = new Set(['containers', 'exec', 'images', 'networks', 'volumes'])
const rest = new Set([
  '_ping',
  'auth',
  'build',
  'commit',
  'distribution',
  'events',
  'info',
  'system',
  'version',
])
const ofAll = new Set(['create', 'json', 'load', 'prune', 'search'])
const ofOne = new Set([
  'archive',
  'attach',
  'changes',
  'connect',
  'disconnect',
  'history',
  'json',
  'kill',
  'logs',
  'pause',
  'push',
  'rename',
  'resize',
  'restart',
  'start',
  'stats',
  'stop',
  'tag',
  'top',
  'unpause',
  'update',
  'wait',
])

/** What a call to the engine is called in metrics: `POST /containers/:id/start`. There are few of them, whatever ids are. */
export function toCallName(method: string, path: string): string {
  const [kind = '', ...parts] = (path.split('?')[0] ?? '').split('/').filter((part) => part !== '')
  if (rest.has(kind)) return `${method} /${kind}`
  if (!kinds.has(kind)) return `${method} other`
  const last = parts.at(-1)
  if (last === undefined) return `${method} /${kind}`
  if (parts.length === 1) return ofAll.has(last) ? `${method} /${kind}/${last}` : `${method} /${kind}/:id`
  // Names of images have slashes of their own.
  return ofOne.has(last) ? `${method} /${kind}/:id/${last}` : `${method} /${kind}/:id`
}
