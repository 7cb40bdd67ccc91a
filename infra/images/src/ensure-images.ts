import { homedir } from 'node:os'
import { join } from 'node:path'
import { callEngineJson } from './engine-api.ts'
import { findLabels, pullImage } from './engine-images.ts'
import { ensureBuilt, type BuildContext } from './ensure-built.ts'
import { getImage, imageName, type ImageKey } from './image-list.ts'

/** An image that the engine now has: what to name it by, and whether it only stands in for the normal one. */
export interface EnsuredImage {
  reference: string
  standIn: boolean
}

/** What `ensureImages` needs. */
export interface EnsureImagesOptions<K extends ImageKey> {
  /** `unix:///…` of the engine that gets the images. */
  dockerHost: string
  keys: readonly K[]
  /** Never ask a registry. */
  offline?: boolean
  /** Folder of built images, shared by all engines of this user; by default below `$XDG_CACHE_HOME`. */
  cacheDir?: string
  log?: (line: string) => void
}

/**
 * Makes sure that the engine has the images: those that it has stay, the others are pulled where a registry
 * is reachable, else stand-ins are built from the packages of the distribution and of npm.
 */
export async function ensureImages<K extends ImageKey>(
  options: EnsureImagesOptions<K>,
): Promise<Record<K, EnsuredImage>> {
  const context: BuildContext = {
    dockerHost: options.dockerHost,
    cacheDir: options.cacheDir ?? defaultCacheDir(),
    log: options.log ?? (() => undefined),
  }
  let reachable = options.offline ? false : undefined
  const ensured: [K, EnsuredImage][] = []
  for (const key of options.keys) {
    const entry = getImage(key)
    if ('upstream' in entry) {
      reachable ??= (await findLabels(context.dockerHost, entry.upstream))
        ? undefined
        : await reachesRegistry(context, entry.upstream)
    }
    ensured.push([key, await ensureImage(context, key, reachable ?? false)])
  }
  return Object.fromEntries(ensured) as Record<K, EnsuredImage>
}

async function ensureImage(context: BuildContext, key: ImageKey, reachable: boolean): Promise<EnsuredImage> {
  const entry = getImage(key)
  if ('own' in entry) return { reference: await ensureBuilt(context, key), standIn: false }
  const normal = { reference: entry.upstream, standIn: false }
  if (await findLabels(context.dockerHost, entry.upstream)) return normal
  if (reachable) {
    context.log(`pulling ${entry.upstream}`)
    try {
      await pullImage(context.dockerHost, entry.upstream, 60_000)
      return normal
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      context.log(`${imageName(key)} could not be pulled (${reason}), so a stand-in takes its place`)
    }
  }
  return { reference: await ensureBuilt(context, key), standIn: true }
}

// The engine's way to a registry counts, with its mirrors and proxies, so the engine is asked to look.
function reachesRegistry({ dockerHost }: BuildContext, reference: string): Promise<boolean> {
  return callEngineJson(dockerHost, `/distribution/${reference}/json`, { idleMs: 8000 }).then(
    () => true,
    () => false,
  )
}

function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gpulab', 'images')
}
