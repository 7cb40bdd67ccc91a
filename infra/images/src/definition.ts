import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { join } from 'node:path'
import { foreignVersion } from './foreign-files.ts'
import { getImage, imageName, imagesFolder, type ImageBuild, type ImageKey } from './image-list.ts'

// Raise it when the recipe of the root file systems changes, so that cached ones are made anew.
const recipe = 1

/** How the list builds an image. */
export function getBuild(key: ImageKey): ImageBuild {
  const entry = getImage(key)
  return 'own' in entry ? entry.build : entry.standIn
}

/** Fingerprint of everything that a built image is made of: an image with another one is out of date. */
export async function toDefinition(key: ImageKey): Promise<string> {
  const build = getBuild(key)
  const hash = createHash('sha256').update(JSON.stringify([recipe, arch(), imageName(key), build]))
  if ('from' in build) {
    hash.update(await toDefinition(build.from))
    if (build.folder) hash.update(await hashFolder(join(imagesFolder, 'stand-ins', build.folder)))
    hash.update(await foreignVersion(build.folder))
  }
  return hash.digest('hex').slice(0, 16)
}

async function hashFolder(folder: string): Promise<Buffer> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).toSorted()) {
    hash.update(name).update(await readFile(join(folder, name)))
  }
  return hash.digest()
}
