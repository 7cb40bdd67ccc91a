import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** API keys; and links, tickets, passes, sessions of hosts, join tokens. The names of metrics begin like them. */
const secret = /gpulab_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}|gpulab[a-z]+_[A-Za-z0-9_-]{20,}/g

/** Throws where one of the logs in this folder has a secret. */
export async function requireNoSecrets(dir: string): Promise<void> {
  const names = await readdir(dir)
  const given = ['pepper', 'encryption-key', 'gateway-key', 'join-token'].filter((name) =>
    names.includes(name),
  )
  const values = await Promise.all(
    given.map(async (name) => (await readFile(join(dir, name), 'utf8')).trim()),
  )
  for (const name of names.filter((each) => each.endsWith('.log'))) {
    const text = await readFile(join(dir, name), 'utf8')
    const found = [...(text.match(secret) ?? []), ...values.filter((value) => text.includes(value))]
    if (found.length > 0) {
      const line = text.split('\n').find((each) => each.includes(found[0] ?? ''))
      throw new Error(`${name} has ${found.length} secrets, the first of them in: ${line}`)
    }
  }
}
