import { randomBytes } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'

import { databaseError, hasErrorCode } from './errors.ts'

/** The cluster's password; made once. Two processes that start at the same time agree on one. */
export async function readOrCreatePassword(file: string, clusterExists: boolean): Promise<string> {
  const kept = await findPassword(file)
  if (kept !== undefined) return kept
  if (clusterExists) {
    throw databaseError(
      `The database's password file ${file} is missing.`,
      'Restore it from a backup together with the cluster, or choose another data directory.',
    )
  }
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(unfinished, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' })
    await link(unfinished, file)
  } catch (error) {
    if (!hasErrorCode(error, 'EEXIST')) throw error
  } finally {
    await rm(unfinished, { force: true })
  }
  return (await findPassword(file)) ?? ''
}

async function findPassword(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  }
}
