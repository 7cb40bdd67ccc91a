import { GpulabError } from '@gpulab/contract'
import { containerNotFound, findByUuid } from '../containers/find.ts'
import { type ObservedContainer, toObserved } from '../containers/labels.ts'
import { listContainers } from '../docker/containers.ts'
import type { GuestFolders } from './folders.ts'
import { GuestLink, type GuestLinkDeps, GuestUnavailable, type LinkedGuest } from './guest-link.ts'

export interface GuestsDeps extends GuestLinkDeps {
  readonly guestFolders: GuestFolders
}

export interface Guests {
  /**
   * The container's guest, started if need be; undefined where the engine has to serve it. Throws
   * `container_not_found`, `container_not_running` or `engine_unavailable`.
   */
  find(uuid: string): Promise<LinkedGuest | undefined>
  /** The guest whose connection there is now. */
  peek(uuid: string): LinkedGuest | undefined
  /** Listens for the guests of containers that run already; gives these containers. */
  adopt(): Promise<ObservedContainer[]>
  /** Lets go of those whose container does not run any more. */
  tidy(): Promise<void>
  close(): Promise<void>
}

export function createGuests(deps: GuestsDeps): Guests {
  const { engine, guestFolders, log } = deps
  // By uuid: an older generation of a container runs no more when a newer one does.
  const links = new Map<string, GuestLink>()
  let isClosed = false
  const finding = new Map<string, Promise<LinkedGuest | undefined>>()

  const drop = async (uuid: string, link: GuestLink): Promise<void> => {
    if (links.get(uuid) === link) links.delete(uuid)
    await link.close()
  }
  const dropIfEnded = async (uuid: string, link: GuestLink): Promise<void> => {
    const container = await findByUuid(engine, uuid)
    const isSame = container?.state === 'running' && container.generation === link.container.generation
    if (!isSame) await drop(uuid, link)
  }
  const link = (container: ObservedContainer): GuestLink => {
    const { uuid } = container
    const known = links.get(uuid)
    if (known?.container.generation === container.generation) return known
    void known?.close()
    const made: GuestLink = new GuestLink(deps, container, guestFolders.runFolder(container), () => {
      // Without the engine nothing is known; a later look comes.
      dropIfEnded(uuid, made).catch(() => {})
    })
    links.set(uuid, made)
    return made
  }

  const peek = (uuid: string): LinkedGuest | undefined => {
    const known = links.get(uuid)
    return known?.connection && { connection: known.connection, container: known.container }
  }
  const find = async (uuid: string): Promise<LinkedGuest | undefined> => {
    const container = await findByUuid(engine, uuid)
    if (!container) throw containerNotFound(uuid)
    const chosen = link(container)
    try {
      const connection = await chosen.connect()
      return { connection, container: chosen.container }
    } catch (error) {
      if (error instanceof GpulabError && error.code !== 'engine_unavailable') await drop(uuid, chosen)
      if (!(error instanceof GuestUnavailable)) throw error
      log.debug({ err: error, container: uuid }, 'no guest')
      return undefined
    }
  }

  return {
    find: (uuid) => {
      // Sessions go on without us: nothing that is found out from now on would be true of them.
      if (isClosed) return new Promise(() => {})
      const ready = peek(uuid)
      if (ready) return Promise.resolve(ready)
      // Many sessions may ask at once when their guest is gone.
      return finding.getOrInsertComputed(uuid, () => find(uuid).finally(() => finding.delete(uuid)))
    },
    peek,
    adopt: async () => {
      const running = (await listContainers(engine))
        .map(toObserved)
        .filter((container) => container !== undefined)
        .filter(({ state }) => state === 'running')
      for (const container of running) {
        if (container.guestFolder !== guestFolders.runFolder(container)) continue
        await link(container)
          .listen()
          .catch((error: unknown) => log.warn({ err: error, container: container.uuid }, 'no guest'))
      }
      return running
    },
    tidy: async () => {
      const present = (await listContainers(engine))
        .map(toObserved)
        .filter((container) => container !== undefined)
      const running = new Set(
        present
          .filter(({ state }) => state === 'running')
          .map(({ uuid, generation }) => `${uuid} ${generation}`),
      )
      await guestFolders.keepOnly(present)
      for (const [uuid, each] of links) {
        if (!running.has(`${uuid} ${each.container.generation}`)) await drop(uuid, each)
      }
    },
    close: async () => {
      isClosed = true
      await Promise.all([...links.values()].map((each) => each.close()))
      links.clear()
    },
  }
}
