import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Folder of images.json and of the stand-ins' Dockerfiles. */
export const imagesFolder = resolve(import.meta.dirname, '..')

/** Keys of images.json, the one list of images that code and tests take names from. */
export type ImageKey =
  | 'busybox'
  | 'debian'
  | 'ubuntu'
  | 'pytorch'
  | 'tensorflow'
  | 'jupyter'
  | 'node'
  | 'postgres'
  | 'gpu-host'
  | 'screens'
  | 'web'

/** How an image is built: from a root file system of packages, or upon another image of the list. */
export type ImageBuild = { rootfs: 'busybox' | 'debian' } | { from: ImageKey; folder?: string }

/** An image to pull under its normal name, with the stand-in for where no registry is reachable. */
export interface UpstreamImage {
  upstream: string
  standIn: ImageBuild
}

/** An image that only we build. It is never pulled: a registry's image of that name would be somebody else's. */
export interface OwnImage {
  own: string
  build: ImageBuild
}

const list = JSON.parse(readFileSync(join(imagesFolder, 'images.json'), 'utf8')) as Record<
  ImageKey,
  UpstreamImage | OwnImage
>

/** All keys of the list. */
export const imageKeys = Object.keys(list) as ImageKey[]

/** The entry of a key. Throws one sentence for a key that is not listed. */
export function getImage(key: ImageKey): UpstreamImage | OwnImage {
  const entry = list[key]
  if (entry === undefined)
    throw new Error(`There is no image "${key}"; the list has ${imageKeys.join(', ')}.`)
  return entry
}

/** Normal name of an image, for showing: `ubuntu:22.04`. */
export function imageName(key: ImageKey): string {
  const entry = getImage(key)
  return 'own' in entry ? entry.own : entry.upstream
}

/** Reference under which an image is built here: never the upstream's own name, which it would pass for. */
export function builtReference(key: ImageKey): string {
  const entry = getImage(key)
  return 'own' in entry ? entry.own : `gpulab.invalid/standin/${entry.upstream}`
}
