import { join, resolve } from 'node:path'

/** Root of this checkout. */
export const checkout = resolve(import.meta.dirname, '../../..')

/** The checkout's own Node, by its real path: it is the same inside a container that mounts the checkout. */
export const nodeBinary = join(checkout, 'node_modules/node/bin/node')

/** PATH entry with the built `gpulab`. */
export const cliFolder = join(checkout, 'apps/cli/bin')
