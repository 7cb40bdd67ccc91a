import { GpulabError } from '@gpulab/contract'

/** What the kernel, the engine and the guest need for themselves. */
const reserved = ['/proc', '/sys', '/dev', '/.gpulab', '/.gpulab-run']

const wrong = (message: string): GpulabError =>
  new GpulabError('invalid_request', { message, hint: 'Give a path like /workspace.' })

/** Where a container sees its volumes, each without superfluous slashes. */
export function checkMountPaths(paths: readonly string[]): string[] {
  const clean = paths.map(checkMountPath)
  const twice = clean.find((path, index) => clean.indexOf(path) !== index)
  if (twice !== undefined) throw wrong(`Two volumes can not both be mounted at ${twice}.`)
  return clean
}

function checkMountPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '')
  const clean = `/${parts.join('/')}`
  if (!path.startsWith('/')) throw wrong(`"${path}" is not a path from the root.`)
  if (parts.length === 0) throw wrong('A volume can not take the place of the root folder.')
  if (parts.some((part) => part === '.' || part === '..')) throw wrong(`"${path}" has "." or ".." in it.`)
  // The engine separates the parts of its own notation with them.
  if (/[\0-\x1f\x7f:]/.test(path)) throw wrong(`"${path}" has characters that the engine does not take.`)
  const taken = reserved.find((root) => clean === root || clean.startsWith(`${root}/`))
  if (taken !== undefined) throw wrong(`${taken} is the container's own: a volume can not be mounted there.`)
  return clean
}
