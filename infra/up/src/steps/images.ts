import { ensureImages, imageName, type ImageKey } from '@gpulab/images'
import { writeFile } from 'node:fs/promises'
import { untilAborted } from '../interruptible.ts'
import type { StateLayout } from '../state-layout.ts'

/** Image of the first container's template, and those of the others. */
const first = 'ubuntu' satisfies ImageKey
const others = ['pytorch', 'tensorflow', 'jupyter'] as const satisfies readonly ImageKey[]

/**
 * Brings the templates' images into the engine and writes down which ones are stand-ins. Where a registry is
 * reachable only the first container's image is pulled: the others come when they are asked for.
 */
export async function prepareImages(
  layout: StateLayout,
  dockerHost: string,
  { note, signal }: { note: (text: string) => void; signal: AbortSignal },
): Promise<Record<string, string>> {
  const ensured = await untilAborted(ensureImages({ dockerHost, keys: [first], log: note }), signal)
  const rest = ensured[first].standIn
    ? await untilAborted(ensureImages({ dockerHost, keys: others, offline: true, log: note }), signal)
    : {}
  const standIns = Object.fromEntries(
    Object.entries({ ...ensured, ...rest })
      .filter(([, { standIn }]) => standIn)
      .map(([key, { reference }]) => [imageName(key as ImageKey), reference]),
  )
  await writeFile(layout.standInsFile, `${JSON.stringify(standIns, null, 2)}\n`, { mode: 0o600 })
  return standIns
}
