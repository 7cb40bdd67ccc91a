import { z } from 'zod'
import { ConfigError } from '../config.ts'
import { readPrivateFile, writePrivateFile } from '../identity/private-file.ts'

/*
 * The engine gives an image that it has to whoever names it. What was pulled with a login must be got again by everybody
 * else: with a login of their own, or with none where the registry gives it to all. Registries allow by repository, so
 * that is what is remembered.
 */

/** Without a login. */
export const anybody = 'anybody'

/** Which logins have proven that a registry gives them a repository. */
export interface ImageAccess {
  /** Whether an image that is here may be used; those that nobody pulled with a login are everybody's. */
  allows(reference: string, loginId: string, imageId: string): boolean
  /** Whether a login was needed for what has one of these names. */
  isGuarded(references: readonly string[]): boolean
  /**
   * Before a pull with a login: a crash after it must not leave the image to everybody. What is here of the repository
   * already stays everybody's, so that nobody takes it from others by a pull, be it one that fails.
   */
  guard(reference: string, listPresent: (repository: string) => Promise<readonly string[]>): Promise<void>
  /** After a pull. */
  allow(reference: string, loginId: string): Promise<void>
}

/** Every image is everybody's. */
export const noGuards: ImageAccess = {
  allows: () => true,
  isGuarded: () => false,
  guard: () => Promise.resolve(),
  allow: () => Promise.resolve(),
}

/** By repository: who has proven it, and ids of images that are everybody's. */
const Proven = z.record(z.string(), z.array(z.string()))

const isImageId = (text: string): boolean => text.startsWith('sha256:')

/** Logins that are kept for a repository: the newest. Older ones pull again. */
const loginsMax = 50
const fileMaxBytes = 64 << 20

/** Throws where others can read the file, or it is broken: nobody would know what is private. */
export async function openImageAccess(path: string): Promise<ImageAccess> {
  const proven = parse(path, await readPrivateFile(path, fileMaxBytes))
  let written: Promise<void> = Promise.resolve()
  const store = (repository: string, logins: readonly string[]): Promise<void> => {
    proven.set(repository, logins)
    const write = () => writePrivateFile(path, JSON.stringify(Object.fromEntries(proven)))
    written = written.then(write, write)
    return written
  }
  return {
    allows: (reference, loginId, imageId) => {
      const allowed = proven.get(toRepository(reference))
      return allowed === undefined || [anybody, loginId, imageId].some((each) => allowed.includes(each))
    },
    isGuarded: (references) => references.some((reference) => proven.has(toRepository(reference))),
    guard: async (reference, listPresent) => {
      const repository = toRepository(reference)
      if (proven.has(repository)) return
      const present = await listPresent(repository)
      if (!proven.has(repository)) await store(repository, present)
    },
    allow: async (reference, loginId) => {
      const repository = toRepository(reference)
      const allowed = proven.get(repository)
      if (allowed === undefined || allowed.includes(loginId)) return
      const images = allowed.filter(isImageId)
      const logins = allowed.filter((each) => !isImageId(each))
      await store(repository, [...images, ...[...logins, loginId].slice(-loginsMax)])
    },
  }
}

function parse(path: string, text = '{}'): Map<string, readonly string[]> {
  try {
    return new Map(Object.entries(Proven.parse(JSON.parse(text))))
  } catch (cause) {
    throw new ConfigError(
      `${path} is broken, and only it tells which images are private: remove those from the engine, then the file`,
      { cause },
    )
  }
}

/** A reference without tag and digest, as the engine lists it: `docker.io/library/ubuntu:22.04` is `ubuntu`. */
export const toRepository = (reference: string): string =>
  reference
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^(?:index\.)?docker\.io\//, '')
    .replace(/^library\//, '')
