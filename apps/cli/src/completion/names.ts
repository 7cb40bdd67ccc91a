import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ApiContext } from '../context.ts'
import { listAll } from '../pages.ts'
import type { NameKind } from './candidates.ts'

/** Who presses the key twice is not to wait twice. */
const freshMs = 10_000

/** Names, and the beginnings of uuids that commands take. */
export async function findNames(context: ApiContext, kind: NameKind): Promise<string[]> {
  const path = cachePath(context, kind)
  const cached = await readFresh(path)
  if (cached) return cached
  const names = await list(context, kind)
  await store(path, names).catch(() => {})
  return names
}

async function list({ api, signal }: ApiContext, kind: NameKind): Promise<string[]> {
  const named = (objects: readonly { readonly name: string }[]): string[] => objects.map(({ name }) => name)
  switch (kind) {
    case 'container': {
      const containers = await listAll((page) => api.containers.list({ query: page }, { signal }))
      return containers.flatMap(({ name, uuid }) => [name, uuid.slice(0, 8)])
    }
    case 'template':
      return named(await listAll((page) => api.templates.list({ query: page }, { signal })))
    case 'gpu-type':
      return named(await listAll((page) => api.gpus.listTypes({ query: page }, { signal })))
    case 'host':
      return named(await listAll((page) => api.hosts.list({ query: page }, { signal })))
    case 'session':
      return []
  }
}

/** Of this key at this API alone. */
function cachePath({ profile }: ApiContext, kind: NameKind): string {
  const who = createHash('sha256').update(`${profile.apiUrl}\0${profile.apiKey}`).digest('hex').slice(0, 16)
  return join(
    process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
    'gpulab',
    'names',
    `${who}-${kind}.json`,
  )
}

async function readFresh(path: string): Promise<string[] | undefined> {
  try {
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs > freshMs || mtimeMs > Date.now() + freshMs) return undefined
    const names: unknown = JSON.parse(await readFile(path, 'utf8'))
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : undefined
  } catch {
    return undefined
  }
}

async function store(path: string, names: readonly string[]): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, JSON.stringify(names), { mode: 0o600 })
  await rename(temporary, path)
}
