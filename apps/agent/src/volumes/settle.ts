import type { TargetVolume, VolumeFacts } from '@gpulab/contract'
import { toPlainText } from '../plain-text.ts'
import type { VolumeDriver } from './driver.ts'
import { VolumeFailure } from './failure.ts'

/** What is known of a volume before it is looked at. */
export const toUnknown = ({ uuid, size_bytes }: TargetVolume): VolumeFacts => ({
  uuid,
  state: 'pending',
  generation: 0,
  size_bytes,
  used_bytes: null,
  enforced: false,
  problem: null,
  failure: null,
})

/** Brings a volume as near to its wish as it can be, and says how it is then. */
export async function settle(
  driver: VolumeDriver | undefined,
  wish: TargetVolume,
  before: VolumeFacts,
): Promise<VolumeFacts> {
  const known = { ...before, problem: null, failure: null }
  if (!driver) {
    const message = `This host has no ${wish.driver} volumes.`
    return { ...known, ...toTrouble(wish, new VolumeFailure('not_available', message)), state: 'degraded' }
  }
  if (wish.desired === 'absent') {
    try {
      await driver.remove(wish.uuid, wish)
      return { ...known, state: 'absent', generation: wish.generation, used_bytes: null }
    } catch (error) {
      return { ...known, ...toTrouble(wish, error) }
    }
  }
  const { uuid, size_bytes: sizeBytes, manages, was_made: wasMade } = wish
  const trouble = await driver.ensure({ uuid, sizeBytes, manages, wasMade }).then(
    () => undefined,
    (error: unknown) => toTrouble(wish, error),
  )
  try {
    await driver.verify(uuid)
    const { usedBytes, ...usage } = await driver.usage(uuid)
    return {
      ...known,
      state: 'ready',
      generation: trouble ? known.generation : wish.generation,
      size_bytes: usage.enforced ? usage.sizeBytes : sizeBytes,
      used_bytes: usedBytes,
      enforced: usage.enforced,
      ...trouble,
    }
  } catch (error) {
    const state = wasMade ? 'degraded' : 'pending'
    return { ...known, state, used_bytes: null, ...(trouble ?? toTrouble(wish, error)) }
  }
}

function toTrouble({ generation }: TargetVolume, error: unknown): Pick<VolumeFacts, 'problem' | 'failure'> {
  const message = toPlainText(error instanceof Error ? error.message : String(error))
  const failure = error instanceof VolumeFailure ? { generation, code: error.code, message } : null
  return { problem: message, failure }
}
