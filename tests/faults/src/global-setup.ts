import { ensureBusybox, ensureGuestBuilt } from '@gpulab/guest/build'
import { runCommand } from '@gpulab/images'
import { ensureEngineInstalled } from '@gpulab/simulated-host'
import { fileURLToPath } from 'node:url'

/** Bundles API and agent of the present sources, and makes sure that engines can be started. */
export async function setup(): Promise<void> {
  await Promise.all([
    ensureEngineInstalled(),
    ensureGuestBuilt(),
    ensureBusybox(),
    bundle('api'),
    bundle('agent'),
  ])
}

async function bundle(app: string): Promise<void> {
  const folder = fileURLToPath(new URL(`../../../apps/${app}`, import.meta.url))
  await runCommand('sh', ['-c', 'cd "$1" && exec node_modules/.bin/rolldown -c', 'sh', folder])
}
