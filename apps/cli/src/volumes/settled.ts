import { GpulabError, type Volume } from '@gpulab/contract'
import { setTimeout as wait } from 'node:timers/promises'
import type { ApiContext } from '../base-command.ts'
import { escapeText } from '../output/escape.ts'
import { startProgress } from '../output/spinner.ts'
import { volumeSizeLabel } from './describe.ts'

const lookAgainMs = 300
const settledMs = 120_000
const passing = new Set(['creating', 'resizing'])

/** The volume once its host has done what was asked of it; throws why it could not. */
export async function untilSettled(context: ApiContext, accepted: Volume): Promise<Volume> {
  const { api, output, signal } = context
  const { uuid, name } = accepted
  const deadline = performance.now() + settledMs
  const progress = await startProgress(output, `Waiting for the host of ${escapeText(name)}`)
  try {
    for (let volume = accepted; ; volume = await api.volumes.get({ params: { uuid } }, { signal })) {
      if (!passing.has(volume.status)) return requireDone(volume)
      if (performance.now() > deadline) throw late(volume)
      await wait(lookAgainMs, undefined, { signal })
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    progress.stop()
  }
}

function requireDone(volume: Volume): Volume {
  const { status, status_reason: reason, name } = volume
  if (status === 'available' && reason === null) return volume
  const isSpace = reason?.code === 'no_space'
  const size = volumeSizeLabel(volume)
  throw new GpulabError(isSpace ? 'no_space' : 'volume_unavailable', {
    message:
      status === 'available'
        ? `Volume ${name} keeps its size of ${size}: ${reason?.message}`
        : `Volume ${name} is ${status}${reason ? `: ${reason.message}` : '.'}`,
    hint:
      status === 'failed'
        ? `gpulab volumes rm ${name} removes it.`
        : `gpulab volumes info ${name} shows how it is.`,
    details: { uuid: volume.uuid, status },
  })
}

const late = ({ uuid, name, status }: Volume): GpulabError =>
  new GpulabError('wait_timeout', {
    message: `Volume ${name} is still ${status}.`,
    hint: `Its host goes on with it; gpulab volumes info ${name} shows how far it is.`,
    details: { uuid, status },
  })
