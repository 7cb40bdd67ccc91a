import { GpulabError } from '@gpulab/contract'

interface GivenPath {
  readonly path?: string | undefined
  readonly path_base64?: string | undefined
}

/** A path as hosts take it: bytes in base64. Without any it is the root. */
export function toHostPath({ path, path_base64: given }: GivenPath): string {
  if (path !== undefined && given !== undefined) {
    throw new GpulabError('invalid_request', { message: 'Give either path or path_base64.' })
  }
  return given ?? Buffer.from(path ?? '/').toString('base64')
}

/** As above, of what can not be the root. */
export function requireHostPath(given: GivenPath, name: string): string {
  if (given.path !== undefined || given.path_base64 !== undefined) return toHostPath(given)
  throw new GpulabError('invalid_request', { message: `${name}: is missing` })
}
