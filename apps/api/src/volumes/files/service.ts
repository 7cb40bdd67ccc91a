import { type FileAnswer, type FileEntry, GpulabError } from '@gpulab/contract'
import type { AgentClient, Context } from '@gpulab/http'
import { SteadyBody } from '@gpulab/transport'
import type { Principal } from '../../auth/authenticate.ts'
import { isSilent } from '../../containers/view.ts'
import type { Deps } from '../../deps.ts'
import { getVolume } from '../service.ts'
import { volumeStatusOf } from '../status.ts'

/** Longer than an agent waits for a volume. */
const answerMs = 60_000

export interface OpenVolume {
  readonly files: AgentClient['volumeFiles']
  readonly params: { readonly uuid: string }
  /** Of calls whose answer does not wait for a body. */
  readonly options: { readonly signal: AbortSignal; readonly timeoutMs: number }
}

/** The files of a volume, on the host that has it. */
export async function openVolume(
  { db, clock, uplinks }: Pick<Deps, 'db' | 'clock' | 'uplinks'>,
  principal: Principal,
  uuid: string,
  signal: AbortSignal,
): Promise<OpenVolume> {
  const { row, facts, host } = await getVolume({ db }, principal, uuid)
  const { status, reason } = volumeStatusOf(row, facts, isSilent(host.lastSeenAt, clock.now()))
  if (status === 'unreachable')
    throw new GpulabError('host_unreachable', { ...(reason && { message: reason.message }) })
  if (status !== 'available' && status !== 'resizing' && status !== 'degraded') {
    throw new GpulabError('volume_wrong_state', {
      message: `Volume ${row.name} is ${status}${reason ? `: ${reason.message}` : '.'}`,
      hint: `gpulab volumes info ${row.name} shows how far it is.`,
    })
  }
  return {
    files: uplinks.to(host.uuid).volumeFiles,
    params: { uuid: row.uuid },
    options: { signal, timeoutMs: answerMs },
  }
}

type Conditions = Context<unknown>['conditions']

export const toFlag = (value: boolean | undefined): 'true' | 'false' => (value ? 'true' : 'false')

export const statPath = (
  { files, params, options }: OpenVolume,
  path: string,
  follow?: boolean,
): Promise<FileEntry> => files.stat({ params, query: { path, follow: toFlag(follow) } }, options)

export const readFile = (
  { files, params, options }: OpenVolume,
  path: string,
  headers: Conditions,
): Promise<FileAnswer> => files.read({ params, query: { path } }, { ...options, headers })

/** A folder comes as a tar archive. */
export async function downloadPath(
  volume: OpenVolume,
  path: string,
  conditions: Conditions,
): Promise<FileAnswer> {
  const { type } = await statPath(volume, path, true)
  if (type !== 'directory') return readFile(volume, path, conditions)
  const { files, params, options } = volume
  const body = await files.archive({ params, query: { path } }, options)
  return { status: 200, headers: { 'content-type': 'application/x-tar' }, body }
}

interface Stored {
  readonly parents: boolean | undefined
  readonly mode: number
  readonly body: AsyncIterable<Uint8Array>
}

export function storeFile(
  { files, params, options: { signal } }: OpenVolume,
  path: string,
  { parents, mode, body }: Stored,
  { conditions, contentLength: size }: Pick<Context<unknown>, 'conditions' | 'contentLength'>,
): Promise<FileEntry> {
  const query = { path, mode, parents: toFlag(parents), ...(size !== undefined && { size }) }
  // It takes as long as its body does.
  const headers = { ...conditions, ...(size !== undefined && { 'content-length': String(size) }) }
  return files.write({ params, query, body: new SteadyBody(body) }, { signal, headers })
}
