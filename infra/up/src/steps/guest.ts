import { ensureGuestBuilt } from '@gpulab/guest/build'

/** Builds what serves sessions in containers. Gives why that can not be done: then the engine serves them. */
export async function buildGuest(): Promise<string | undefined> {
  try {
    await ensureGuestBuilt()
    return undefined
  } catch (error) {
    return `not built, so sessions go through the engine and end with the agent: ${(error as Error).message}`
  }
}
