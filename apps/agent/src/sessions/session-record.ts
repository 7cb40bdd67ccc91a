import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** What a session is, kept on disk so that the next agent knows it. */
const SessionRecord = z.object({
  id: z.uuid(),
  container_uuid: z.uuid(),
  command: z.array(z.string()).nullable(),
  argv: z.array(z.string()),
  workdir: z.string().nullable(),
  tty: z.boolean(),
  stdin: z.boolean(),
  detached: z.boolean(),
  user: z.string().nullable(),
  started_at: z.string(),
  transport: z.enum(['guest', 'engine']),
  incarnation: z.string().nullable(),
  run_started_at: z.string().nullable(),
  end: z
    .object({
      at: z.string(),
      exit_code: z.number().nullable(),
      signal: z.string().nullable(),
      reason: z.enum(['exited', 'killed', 'timed_out', 'container_ended', 'guest_killed', 'expired', 'lost']),
      message: z.string().nullable(),
    })
    .nullable(),
})
export type SessionRecord = z.infer<typeof SessionRecord>

export interface SessionStore {
  /** All that can be read; what can not is left. */
  load(): Promise<SessionRecord[]>
  save(record: SessionRecord): Promise<void>
  remove(record: Pick<SessionRecord, 'id' | 'container_uuid'>): Promise<void>
  spoolFolder(record: Pick<SessionRecord, 'id' | 'container_uuid'>): string
}

const fileName = 'session.json'

export function createSessionStore(folder: string): SessionStore {
  const folderOf = ({ id, container_uuid }: Pick<SessionRecord, 'id' | 'container_uuid'>): string =>
    join(folder, container_uuid, id)
  const turns = new Map<string, Promise<void>>()
  /** One after the other: what is gone is not to come back by what was under way. */
  const inTurn = (id: string, work: () => Promise<void>): Promise<void> => {
    const before = turns.get(id)
    const settled = Promise.withResolvers<void>()
    turns.set(id, settled.promise)
    const take = async (): Promise<void> => {
      await before
      try {
        await work()
      } finally {
        if (turns.get(id) === settled.promise) turns.delete(id)
        settled.resolve()
      }
    }
    return take()
  }
  return {
    load: async () => {
      const found: SessionRecord[] = []
      for (const uuid of await list(folder)) {
        for (const id of await list(join(folder, uuid))) {
          const text = await readFile(join(folder, uuid, id, fileName), 'utf8').catch(() => 'null')
          const parsed = SessionRecord.safeParse(parseOrNull(text))
          if (parsed.success && parsed.data.id === id && parsed.data.container_uuid === uuid)
            found.push(parsed.data)
          // One that the agent was killed in the middle of making.
          else await rm(join(folder, uuid, id), { recursive: true, force: true })
        }
      }
      return found
    },
    save: (record) =>
      inTurn(record.id, async () => {
        const path = folderOf(record)
        await mkdir(path, { recursive: true, mode: 0o700 })
        const fresh = join(path, `${fileName}.new`)
        await writeFile(fresh, JSON.stringify(record), { mode: 0o600 })
        await rename(fresh, join(path, fileName))
      }),
    remove: (record) => inTurn(record.id, () => rm(folderOf(record), { recursive: true, force: true })),
    spoolFolder: (record) => join(folderOf(record), 'spool'),
  }
}

const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
