import type { VolumeJob } from './volume-job.ts'

type Where = Pick<VolumeJob, 'context' | 'uuid'>

/** Names here are bytes, and so are paths below a folder that is copied. */
const toPath = (path: string | Buffer): { path: string } | { path_base64: string } =>
  typeof path === 'string' ? { path } : { path_base64: path.toString('base64') }

/** With those that it is in. */
export async function makeFolder(
  { context: { api, signal }, uuid }: Where,
  path: string | Buffer,
): Promise<void> {
  await api.volumes.files.makeFolder(
    { params: { uuid }, body: { ...toPath(path), parents: true } },
    { signal },
  )
}

export async function makeLink(
  { context: { api, signal }, uuid }: Where,
  path: Buffer,
  target: Buffer,
): Promise<void> {
  await api.volumes.files.makeLink(
    { params: { uuid }, body: { ...toPath(path), target_base64: target.toString('base64') } },
    { signal },
  )
}

/** All of it, or what was there stays. */
export async function writeFile(
  { context: { api, signal }, uuid }: Where,
  {
    path,
    mode,
    sizeBytes,
    parents = false,
    body,
  }: {
    readonly path: string | Buffer
    readonly mode: number
    readonly sizeBytes: number
    readonly parents?: boolean
    readonly body: AsyncIterable<Uint8Array>
  },
): Promise<void> {
  await api.volumes.files.write(
    {
      params: { uuid },
      query: { ...toPath(path), mode: mode & 0o777, parents: parents ? 'true' : 'false' },
      body,
    },
    // It takes as long as it takes: each part has a deadline at the other end.
    { signal, headers: { 'content-length': String(sizeBytes) }, timeoutMs: 24 * 3600_000 },
  )
}
