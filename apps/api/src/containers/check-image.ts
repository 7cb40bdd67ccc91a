import { GpulabError } from '@gpulab/contract'
import { findRegistry, isAllowedRegistry, isImageReference } from './image-reference.ts'

/** Throws for what is no image's name, or comes from where images may not come from. */
export function checkImage(image: string | undefined, allowed: readonly string[]): void {
  if (image === undefined) return
  if (!isImageReference(image)) {
    throw new GpulabError('invalid_request', {
      message: `"${image}" is not the name of an image.`,
      hint: 'Write it in lower case, like ubuntu:22.04 or ghcr.io/team/image:1.',
    })
  }
  checkRegistry(findRegistry(image), allowed)
}

/** Throws for one that a tenant may not name. */
export function checkRegistry(registry: string, allowed: readonly string[]): void {
  if (isAllowedRegistry(registry, allowed)) return
  throw new GpulabError('invalid_request', {
    message: `Images may not come from ${registry}: it is an address or a local name.`,
    hint: 'Use a registry with a public name, or ask your administrator to allow it (GPULAB_REGISTRIES).',
  })
}
