import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createVolumeFiles } from '../src/volumes/files/volume-files.ts'
import { createWorkers, type WorkerLimits } from '../src/volumes/files/workers.ts'

export const uuid = '00000000-0000-4000-8000-000000000001'

export interface OpenWorkers extends AsyncDisposable {
  readonly files: ReturnType<typeof createVolumeFiles>
  /** What a container would see. */
  readonly root: string
  readonly staging: string
  /** Not of the volume. */
  readonly outside: string
}

/** The process that serves a volume's files, on a plain folder; with a hidden name what is written is in that folder first. */
export async function openWorkers(hiddenName?: string, limits?: WorkerLimits): Promise<OpenWorkers> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-workers-'))
  const root = join(folder, 'data')
  const outside = join(folder, 'outside')
  const staging = hiddenName === undefined ? join(folder, 'staging') : join(root, hiddenName)
  for (const each of [root, outside]) await mkdir(each)
  const workers = createWorkers(
    { folders: async () => ({ root, staging, hiddenName }), teamOf: () => 'team' },
    pino({ enabled: false }),
    limits,
  )
  return {
    files: createVolumeFiles(workers),
    root,
    staging,
    outside,
    [Symbol.asyncDispose]: async () => {
      await workers.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const base64 = (path: string | Buffer): string => Buffer.from(path).toString('base64')
export const params = { uuid }
export const caller = (conditions: Record<string, string> = {}) => ({
  signal: new AbortController().signal,
  conditions,
})
export async function* bytesOf(...parts: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part)
}
