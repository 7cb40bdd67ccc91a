import { fileURLToPath } from 'node:url'

const program = (path: string): string => fileURLToPath(new URL(`../../../apps/${path}`, import.meta.url))

/** API and agent as they are released: bundles start in a third of the time, and a fault test starts them often. */
export const apiProgram = program('api/dist/main.js')
export const agentProgram = program('agent/dist/main.js')
export const gpulabProgram = program('cli/bin/gpulab')
