import { api, GpulabError } from '@gpulab/contract'
import type { Invitation } from './invite.ts'

const Body = api.hosts.invite.body

/** Flags of `gpulab-api invite`: their limits and defaults are those of the endpoint. */
export function readInvitation(flags: Readonly<Record<string, unknown>>): Invitation {
  const parsed = Body.safeParse({
    host_name: flags['host-name'],
    ttl: toNumber(flags['ttl']),
    uses: toNumber(flags['uses']),
  })
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }) => `--${path.join('.').replaceAll('_', '-')}: ${message}`,
    )
    throw new GpulabError('invalid_request', {
      message: issues.join('\n'),
      hint: 'See gpulab-api --help; --ttl is in seconds.',
    })
  }
  const { host_name: hostName, ttl: ttlSeconds, uses } = parsed.data
  return { hostName, ttlSeconds, uses, createdBy: null }
}

const toNumber = (text: unknown): unknown => (typeof text === 'string' ? Number(text) : undefined)
