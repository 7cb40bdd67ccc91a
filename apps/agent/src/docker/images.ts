import { readLines } from '@gpulab/contract'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Engine } from './connect.ts'
import { callEngine, EngineError, hasStatus, toEngineError } from './errors.ts'

/** What an image says about how it wants to be run. */
export interface EngineImage {
  readonly id: string
  /** Its names, with tag or digest. */
  readonly references: readonly string[]
  readonly env: readonly string[]
  readonly command: readonly string[]
  readonly entrypoint: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** A row of the engine's list. */
export interface ListedImage {
  readonly references: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly createdAt: string
}

/** One line of the engine's report of a pull. */
export interface PullEvent {
  readonly id?: string
  readonly status?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

const inspectMs = 20_000
const listMs = 60_000
const removeMs = 120_000

export async function findImage(engine: Engine, reference: string): Promise<EngineImage | undefined> {
  try {
    const { Id, Config, RepoTags, RepoDigests } = await callEngine(() =>
      orAbort(engine.getImage(reference).inspect(), AbortSignal.timeout(inspectMs)),
    )
    return {
      id: Id,
      references: [...(RepoTags ?? []), ...(RepoDigests ?? [])],
      env: Config.Env ?? [],
      command: Config.Cmd ?? [],
      entrypoint: [Config.Entrypoint ?? []].flat(),
      labels: Config.Labels ?? {},
    }
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    throw error
  }
}

/** Those with a name, or with one that matches, as `registry/*`. */
export async function listImages(engine: Engine, pattern?: string): Promise<ListedImage[]> {
  const options = {
    abortSignal: AbortSignal.timeout(listMs),
    ...(pattern !== undefined && { filters: JSON.stringify({ reference: [pattern] }) }),
  }
  const rows = await callEngine(() => engine.listImages(options))
  return rows.flatMap(({ RepoTags, RepoDigests, Labels, Created }) => {
    // The engine writes `<none>:<none>` for none. An image that was pulled by its digest has no tag.
    const [tags, digests] = [RepoTags, RepoDigests].map((names) =>
      (names ?? []).filter((name) => !name.includes('<none>')),
    )
    const references = tags?.length ? tags : (digests ?? [])
    const createdAt = new Date(Created * 1000).toISOString()
    return references.length > 0 ? [{ references, labels: Labels ?? {}, createdAt }] : []
  })
}

/** Of all that have a name in a repository. */
export async function listIds(engine: Engine, repository: string): Promise<string[]> {
  const options = {
    abortSignal: AbortSignal.timeout(listMs),
    filters: JSON.stringify({ reference: [repository] }),
  }
  return (await callEngine(() => engine.listImages(options))).map(({ Id }) => Id)
}

/**
 * Has the registry itself say whether it gives an image to this login, or to all. A pull by the digest of what the engine
 * has already asks nobody.
 */
export async function askRegistry(
  engine: Engine,
  { reference, login }: { reference: string; login: Login | null },
  signal: AbortSignal,
): Promise<void> {
  const options = login ? { authconfig: { username: login.username, password: login.password } } : {}
  await callEngine(() => orAbort(engine.getImage(reference).distribution(options), signal))
}

/** Takes a name from an image, and removes what nothing else needs; done as well when it was gone. */
export async function removeImage(engine: Engine, reference: string): Promise<void> {
  // Forced, it goes even where somebody's container was made from it.
  const options = { force: true, abortSignal: AbortSignal.timeout(removeMs) }
  try {
    await callEngine(() => engine.getImage(reference).remove(options))
  } catch (error) {
    if (!hasStatus(error, 404)) throw error
  }
}

/** Of a registry. */
export interface Login {
  readonly username: string
  readonly password: string
}

/** Pulls exactly this reference (with tag or digest: without, the engine would pull every tag). */
export async function pullImage(
  engine: Engine,
  { reference, login }: { reference: string; login: Login | null },
  onEvent: (event: PullEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const options = { fromImage: reference, abortSignal: signal }
  const { username, password } = login ?? {}
  const stream = await callEngine(() =>
    login ? engine.createImage({ username, password }, options) : engine.createImage(options),
  )
  try {
    for await (const line of readLines(stream as AsyncIterable<Uint8Array>)) {
      if (line.trim() === '') continue
      const event = JSON.parse(line) as PullEvent & { error?: string }
      if (event.error !== undefined) throw new EngineError(event.error, 500, event)
      onEvent(event)
    }
  } catch (error) {
    throw toEngineError(error)
  }
}
