import type { Deps } from '../deps.ts'
import { getMode } from '../routes/read-route.ts'
import { enterPort, type Visit } from './enter-port.ts'

/**
 * Asks whether a connection would be let in again, with what it came with, by the mode that its port has now. Throws what
 * it would be told where not.
 */
export const mayStay =
  ({ routes, admissions }: Pick<Deps, 'routes' | 'admissions'>, visit: Omit<Visit, 'mode'>) =>
  async (): Promise<void> => {
    const mode = getMode(await routes.findNew(visit.uuid), visit.port)
    await enterPort({ ...visit, mode }, admissions)
  }
