import { GpulabError } from '@gpulab/contract'

const isPlainPath = (path: string): boolean =>
  path.startsWith('/') && !path.split('/').includes('..') && !/^\/+(?:\.\/+)*proc(?:\/|$)/.test(path)

/** Through /proc a working directory can name one of the host (CVE-2024-21626). Throws `command_failed`. */
export function requirePlainDirectory(workdir: string | undefined): void {
  if (workdir === undefined || isPlainPath(workdir)) return
  throw new GpulabError('command_failed', {
    message: `The working directory "${workdir}" is not allowed: give an absolute path outside /proc.`,
  })
}
