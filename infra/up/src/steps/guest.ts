import { ensureBusybox, ensureGuestBuilt } from '@gpulab/guest/build'

/** Builds what serves sessions in containers. Gives what will be missing where that can not be done. */
export async function buildGuest(): Promise<string | undefined> {
  try {
    await ensureGuestBuilt()
  } catch (error) {
    return `not built, so sessions go through the engine and end with the agent: ${(error as Error).message}`
  }
  try {
    await ensureBusybox()
    return undefined
  } catch (error) {
    return `without busybox, so gpulab cp does not work: ${(error as Error).message}`
  }
}
