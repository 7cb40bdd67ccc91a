import { GpulabError } from '@gpulab/contract'
import { rmSync } from 'node:fs'

/** Reads `host:port` or `unix:/path`. What a killed server left at the path is removed: it would be in the way. */
export function toListenTarget(
  address: string,
  setting: string,
): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length)
    rmSync(path, { force: true })
    return { path }
  }
  const { host, port } = /^(?<host>\[[^\]]+\]|[^:]*):(?<port>\d{1,5})$/.exec(address)?.groups ?? {}
  if (host === undefined || port === undefined) {
    throw new GpulabError('config_invalid', {
      message: `${setting}: "${address}" is not host:port or unix:/path.`,
    })
  }
  return { host: host.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) }
}
