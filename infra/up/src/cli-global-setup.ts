import { ensureBusybox, ensureGuestBuilt } from '@gpulab/guest/build'
import { buildCli } from './steps/cli.ts'

/** The journeys run the built CLI, and what serves sessions: of the present sources, whoever starts them. */
export async function setup(): Promise<void> {
  await buildCli()
  await ensureGuestBuilt()
  await ensureBusybox()
}
