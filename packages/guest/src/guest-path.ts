import { join, resolve } from 'node:path'

/** How the guest is built: for containers, or with checks of memory and undefined behaviour, which is not static. */
export type GuestBuild = 'x64' | 'arm64' | 'asan'

export const hostBuild: GuestBuild = process.arch === 'arm64' ? 'arm64' : 'x64'

/** Path of the guest's program in a checkout; it may not be built yet. */
export const guestPath = (build: GuestBuild = hostBuild): string =>
  resolve(import.meta.dirname, '..', join('dist', build, 'gpulab-guest'))
