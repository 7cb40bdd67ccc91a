import { describe, expect, it } from 'vitest'
import { readInvitation } from './read-invitation.ts'

describe('the flags of an invitation', () => {
  it.each([
    [{}, { hostName: undefined, ttlSeconds: 3600, uses: 1 }],
    [
      { 'host-name': 'gpu-01', ttl: '60' },
      { hostName: 'gpu-01', ttlSeconds: 60, uses: 1 },
    ],
    [
      { uses: '100', ttl: '86400' },
      { hostName: undefined, ttlSeconds: 86_400, uses: 100 },
    ],
  ])('%j', (flags, invitation) => expect(readInvitation(flags)).toEqual({ ...invitation, createdBy: null }))

  it.each([
    [{ uses: '0' }, /--uses/],
    [{ uses: '1.5' }, /--uses/],
    [{ uses: 'many' }, /--uses/],
    [{ ttl: '59' }, /--ttl/],
    [{ ttl: '86401' }, /--ttl/],
    [{ 'host-name': '../x' }, /--host-name/],
    [{ 'host-name': '' }, /--host-name/],
  ])('%j are refused', (flags, message) => expect(() => readInvitation(flags)).toThrow(message))
})
