import { readFile, stat } from 'node:fs/promises'

import { databaseError, hasErrorCode } from './errors.ts'

/** The user that the server runs as. */
export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/**
 * PostgreSQL refuses to run as root. As root the owner of an existing cluster is taken, so that a `postgres` user
 * who appears later does not lock us out of a cluster of `nobody`; otherwise it is ourselves.
 */
export async function findServerUser(clusterDir: string): Promise<ServerUser> {
  const self = { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 }
  const owner = await findOwner(clusterDir)
  if (self.uid !== 0) {
    if (owner !== undefined && owner.uid !== self.uid) {
      throw databaseError(
        `The database in ${clusterDir} belongs to user id ${owner.uid}, and this process runs as ${self.uid}.`,
        'Run as that user or as root, or choose another data directory.',
      )
    }
    return { name: String(self.uid), ...self }
  }
  if (owner !== undefined) {
    if (owner.uid !== 0) return { name: String(owner.uid), ...owner }
    throw databaseError(
      `The database in ${clusterDir} belongs to root, and PostgreSQL does not run as root.`,
      'Give it to an unprivileged user with chown -R, or choose another data directory.',
    )
  }
  return pickUnprivilegedUser(await readFile('/etc/passwd', 'utf8'))
}

export function pickUnprivilegedUser(passwd: string): ServerUser {
  const users = passwd.split('\n').map((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':')
    return { name, uid: Number(uid), gid: Number(gid) }
  })
  const user = users.find(({ name }) => name === 'postgres') ?? users.find(({ name }) => name === 'nobody')
  if (user && user.uid > 0) return user
  throw databaseError(
    'PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody.',
    'Create one: useradd --system postgres. Or set DATABASE_URL to a server of your own.',
  )
}

async function findOwner(path: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const { uid, gid } = await stat(path)
    return { uid, gid }
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw databaseError(
      `The data directory of the database cannot be read: ${path}.`,
      'Choose a directory that this user may read and write.',
      error,
    )
  }
}
