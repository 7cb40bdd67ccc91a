import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StateLayout } from './state-layout.ts'

/** Makes the key files that are missing. What is there stays: API keys and secrets hang on it. */
export async function ensureKeyFiles(layout: StateLayout): Promise<void> {
  for (const file of [layout.pepperFile, layout.encryptionKeyFile, layout.gatewayKeyFile]) {
    if ((await findSecret(file)) === undefined) await writeSecret(file, randomBytes(32).toString('hex'))
  }
  // Before hosts had keys of their own, this was shared by all.
  await rm(join(layout.keysDir, 'host-token'), { force: true })
}

/** Content of a secret file; undefined if there is none. */
export async function findSecret(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim() || undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes a file that only its owner reads, so that a crash leaves the old one or the new one. */
export async function writeSecret(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, `${text}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
