import { api, GpulabError } from '@gpulab/contract'
import type { Context, Serve } from '@gpulab/http'
import type { Principal } from '../../auth/authenticate.ts'
import type { Deps } from '../../deps.ts'
import { once } from '../../idempotency/service.ts'
import { requireHostPath, toHostPath } from './path.ts'
import {
  downloadPath,
  type OpenVolume,
  openVolume,
  readFile,
  statPath,
  storeFile,
  toFlag,
} from './service.ts'

/** The volume is looked for before anything else is looked at: who may not see it learns nothing. */
export function volumeFileRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { files } = api.volumes
  const open = ({ uuid }: { uuid: string }, { principal, signal }: Context<Principal>): Promise<OpenVolume> =>
    openVolume(deps, principal, uuid, signal)

  serve(files.list, async ({ params, query: { limit, cursor, ...given } }, context) => {
    const volume = await open(params, context)
    const query = { path: toHostPath(given), limit, ...(cursor !== undefined && { cursor }) }
    return volume.files.list({ params: volume.params, query }, volume.options)
  })
  serve(files.stat, async ({ params, query: { follow, ...given } }, context) =>
    statPath(await open(params, context), toHostPath(given), follow),
  )
  serve(files.read, async ({ params, query }, context) =>
    readFile(await open(params, context), toHostPath(query), context.conditions),
  )
  serve(files.download, async ({ params, query }, context) =>
    downloadPath(await open(params, context), toHostPath(query), context.conditions),
  )
  serve(files.write, async ({ params, query: { parents, mode, ...given }, body }, context) =>
    storeFile(
      await open(params, context),
      requireHostPath(given, 'query.path'),
      { parents, mode, body },
      context,
    ),
  )
  serve(files.upload, async ({ params, query: { mode, ...given }, body }, context) =>
    storeFile(
      await open(params, context),
      requireHostPath(given, 'query.path'),
      { parents: true, mode, body },
      context,
    ),
  )
  serve(files.remove, async ({ params, query: { recursive, ...given } }, context) => {
    const volume = await open(params, context)
    const query = { path: requireHostPath(given, 'query.path'), recursive: toFlag(recursive) }
    await volume.files.remove({ params: volume.params, query }, { signal: context.signal })
  })
  serve(files.makeFolder, ({ params, body }, context) =>
    once(deps, files.makeFolder, { params, body }, context, {
      run: async (remember) => {
        const volume = await open(params, context)
        const { parents, ...given } = body
        const path = requireHostPath(given, 'body.path')
        await remember(deps.db, null)
        await volume.files.makeFolder({ params: volume.params, body: { path, parents } }, volume.options)
        return statPath(volume, path)
      },
      replay: neverReplayed,
    }),
  )
  serve(files.makeLink, ({ params, body }, context) =>
    once(deps, files.makeLink, { params, body }, context, {
      run: async (remember) => {
        const volume = await open(params, context)
        const path = requireHostPath({ path: body.path, path_base64: body.path_base64 }, 'body.path')
        const given = { path: body.target, path_base64: body.target_base64 }
        const target = requireHostPath(given, 'body.target')
        await remember(deps.db, null)
        await volume.files.makeLink({ params: volume.params, body: { path, target } }, volume.options)
        return statPath(volume, path)
      },
      replay: neverReplayed,
    }),
  )
  serve(files.move, ({ params, body }, context) =>
    once(deps, files.move, { params, body }, context, {
      run: async (remember) => {
        const volume = await open(params, context)
        const { overwrite } = body
        const from = requireHostPath({ path: body.from, path_base64: body.from_base64 }, 'body.from')
        const to = requireHostPath({ path: body.to, path_base64: body.to_base64 }, 'body.to')
        await remember(deps.db, null)
        await volume.files.move({ params: volume.params, body: { from, to, overwrite } }, volume.options)
        return statPath(volume, to)
      },
      replay: neverReplayed,
    }),
  )
}

/** Of what is remembered without a resource, `once` answers by itself. */
const neverReplayed = (): Promise<never> => Promise.reject(new GpulabError('idempotency_replayed'))
