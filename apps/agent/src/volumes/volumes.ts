import {
  GpulabError,
  type HostVolumes,
  type TargetContainer,
  type TargetVolume,
  type VolumeDriver as DriverName,
  type VolumeFacts,
} from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createLimiter } from '../bounded.ts'
import type { Clock } from '../clock.ts'
import { StepFailure } from '../containers/failure.ts'
import { createSignalBox } from '../signal-box.ts'
import type { VolumeDriver, VolumeFolders } from './driver.ts'
import type { VolumeRecords } from './records.ts'
import { settle, toUnknown } from './settle.ts'
import type { VolumeBind } from './volume-bind.ts'

/** A kind of volumes that this host has. */
export interface DriverOffer {
  readonly driver: VolumeDriver
  readonly offer: () => Promise<Omit<HostVolumes, 'driver'>>
}

interface VolumesDeps {
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly records: VolumeRecords
  readonly drivers: ReadonlyMap<DriverName, DriverOffer>
}

export interface Volumes {
  /** Takes those of the last target up again, and mounts what is not. */
  recover(): Promise<void>
  setTarget(volumes: readonly TargetVolume[]): void
  /**
   * What a container mounts, once every one of its volumes is there and answers. Throws while one does not, StepFailure
   * where it never will.
   */
  require(wanted: TargetContainer['volumes']): Promise<VolumeBind[]>
  /** Where its files are; throws `volume_not_found` or `volume_unavailable`. */
  folders(uuid: string): Promise<VolumeFolders>
  /** Whose it is; where nobody has said, nobody else's. */
  teamOf(uuid: string): string
  /** Called before a volume goes: whoever looks into it has to let go of it. */
  onRemoval(release: (uuid: string) => Promise<void>): void
  /** Kinds of volumes of this host. */
  offer(): Promise<HostVolumes[]>
  facts(): VolumeFacts[]
  /** Waits until facts may be other than they were, or so long. */
  changed(signal: AbortSignal, timeoutMs: number): Promise<void>
  /** Compares target and host again and again. */
  run(signal: AbortSignal): Promise<void>
}

interface Entry {
  wish: TargetVolume
  facts: VolumeFacts
  settling: Promise<void> | undefined
}

const lookAgainMs = 30_000
const atOnce = 4

/** The control plane has heard that it is deleted: it speaks of it until then. */
const isGone = ({ wish, facts }: Entry): boolean => wish.desired === 'absent' && facts.state === 'absent'

/**
 * One of its own that a target does not speak of may be wanted by the next: only a word removes it. One that hosts share
 * has another host now, and is let go of.
 */
const isOnlyHere = ({ wish }: Entry): boolean => wish.manages && wish.driver === 'local'

/** For tests of containers that have none. */
export const noVolumes: Pick<Volumes, 'require'> = { require: () => Promise.resolve([]) }

/**
 * Keeps the volumes of the target made, sized and mounted. One task at a time for each volume, whoever asks for it: the
 * loop, a new target, or a container that is about to start.
 */
export function createVolumes({ clock, log, records, drivers }: VolumesDeps): Volumes {
  const entries = new Map<string, Entry>()
  const news = createSignalBox(clock)
  const inTurn = createLimiter(atOnce)
  let release = (_uuid: string): Promise<void> => Promise.resolve()
  const driverOf = ({ wish }: Entry): VolumeDriver | undefined => drivers.get(wish.driver)?.driver

  const keep = async (): Promise<void> => {
    const wishes = [...entries.values()].map(({ wish }) => wish)
    await records.write(wishes).catch((err: unknown) => log.error({ err }, 'the volumes could not be noted'))
  }

  const work = async (entry: Entry): Promise<void> => {
    const { wish } = entry
    const before = entry.facts
    if (wish.desired === 'absent') await release(wish.uuid)
    const after = await inTurn(() => settle(driverOf(entry), wish, before))
    entry.facts = after
    if (after.problem !== null && after.problem !== before.problem) {
      log.warn({ volume: wish.uuid, problem: after.problem }, 'a volume is not well')
    }
    if (after.state === 'ready' && !wish.was_made) {
      entry.wish = { ...entry.wish, was_made: true }
      await keep()
    }
    if (JSON.stringify(after) !== JSON.stringify(before)) news.raise()
    // The wish may be another one by now.
    if (!isGone(entry) || entry.wish.manages) return
    entries.delete(wish.uuid)
    await keep()
  }

  /** Begun after this call: what is under way may not know of the newest wish. */
  const look = async (entry: Entry): Promise<void> => {
    await entry.settling
    entry.settling ??= work(entry).finally(() => (entry.settling = undefined))
    await entry.settling
  }

  const lookAtAll = async (): Promise<void> => {
    await Promise.all([...entries.values()].map(look))
  }

  const begin = (entry: Entry): void =>
    void look(entry).catch((err: unknown) =>
      log.error({ err, volume: entry.wish.uuid }, 'a volume was not looked at'),
    )

  const take = (wish: TargetVolume): void => {
    const known = entries.get(wish.uuid)
    if (!known) {
      const entry = { wish, facts: toUnknown(wish), settling: undefined }
      entries.set(wish.uuid, entry)
      begin(entry)
      return
    }
    const next = { ...wish, was_made: wish.was_made || known.wish.was_made }
    const isSame = JSON.stringify(next) === JSON.stringify(known.wish)
    known.wish = next
    if (!isSame) begin(known)
  }

  const source = async ({
    uuid,
    mount_path: target,
    read_only: readOnly,
  }: TargetContainer['volumes'][number]) => {
    const entry = entries.get(uuid)
    if (!entry) throw new Error(`The target has no volume ${uuid}.`)
    await look(entry)
    const { state, failure, problem } = entry.facts
    if (state !== 'ready') {
      const message = `Its volume ${uuid} is not there: ${problem ?? 'it is being made.'}`
      if (failure) throw new StepFailure('volume_unavailable', message)
      throw new Error(message)
    }
    // A driver that has made a volume is there.
    const { path, propagation } = await (driverOf(entry) as VolumeDriver).source(uuid)
    return { source: path, target, readOnly, propagation }
  }

  return {
    recover: async () => {
      for (const wish of await records.read()) take(wish)
      await lookAtAll()
    },
    setTarget: (volumes) => {
      for (const wish of volumes) take(wish)
      const wanted = new Set(volumes.map(({ uuid }) => uuid))
      for (const [uuid, entry] of entries) {
        if (wanted.has(uuid)) continue
        if (isGone(entry)) entries.delete(uuid)
        else if (!isOnlyHere(entry)) take({ ...entry.wish, manages: false, desired: 'absent' })
      }
      void keep()
    },
    require: (wanted) => Promise.all(wanted.map(source)),
    teamOf: (uuid) => entries.get(uuid)?.wish.team_uuid ?? uuid,
    folders: async (uuid) => {
      const entry = entries.get(uuid)
      if (!entry || entry.wish.desired === 'absent') throw new GpulabError('volume_not_found')
      if (entry.facts.state !== 'ready') await look(entry)
      const driver = driverOf(entry)
      if (driver && entry.facts.state === 'ready') return driver.folders(uuid)
      throw new GpulabError('volume_unavailable', {
        message: `The volume is not there: ${entry.facts.problem ?? 'it is being made.'}`,
      })
    },
    onRemoval: (given) => (release = given),
    offer: () =>
      Promise.all([...drivers].map(async ([driver, { offer }]) => ({ driver, ...(await offer()) }))),
    facts: () => [...entries.values()].map(({ facts }) => facts),
    changed: (signal, timeoutMs) => news.wait(signal, timeoutMs),
    run: async (signal) => {
      for (;;) {
        await clock.wait(lookAgainMs, signal)
        await lookAtAll()
      }
    },
  }
}
