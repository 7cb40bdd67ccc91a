import { constants } from 'node:os'

/**
 * `lost`: the connection has ended. `stalled`: the guest did not answer in time. `protocol`: it broke the protocol.
 * `stale`: another attachment took the session over, or it was forgotten. Every other code is the errno's name.
 */
export class GuestError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'GuestError'
    this.code = code
  }
}

const errnoNames = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, value]): [number, string] => [value, name]),
  // Several names share this number.
  [constants.errno.EAGAIN, 'EAGAIN'],
  // Not among Node's.
  [87, 'EUSERS'],
])

const meanings: Readonly<Record<string, string>> = {
  EAGAIN: "The container's limit of processes is reached.",
  EUSERS: 'The container has as many sessions as its guest can hold.',
  ENOENT: 'There is no such session.',
  EEXIST: 'There is a session with this id already.',
  ESRCH: 'The program has exited.',
  EBUSY: 'The session has not ended.',
  ENOTTY: 'The session has no terminal.',
  ERANGE: "The offset is beyond the session's output.",
  EINVAL: 'The guest could not make sense of the request.',
  EOPNOTSUPP: 'The guest is of a version that cannot do this.',
}

/** `ENOENT` for 2. */
export const toErrnoName = (errno: number): string => errnoNames.get(errno) ?? `E${errno}`

/** The error that an errno of the guest stands for. */
export function fromErrno(errno: number): GuestError {
  if (errno === constants.errno.ESTALE) return new GuestError('stale', 'The session was taken over.')
  const code = toErrnoName(errno)
  return new GuestError(code, meanings[code] ?? `The guest answered ${code}.`)
}

/** The error that a file program names; what is no errno's name is the tenant's nonsense. */
export const fromErrnoName = (name: string): GuestError =>
  /^E[A-Z0-9]{1,20}$/.test(name)
    ? new GuestError(name, `The container answered ${name}.`)
    : new GuestError('protocol', 'The guest gave nonsense for an answer.')
