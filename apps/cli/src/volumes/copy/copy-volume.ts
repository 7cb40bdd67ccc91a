import { GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../../base-command.ts'
import { requirePipe } from '../../files/copy.ts'
import type { Place } from '../../files/place.ts'
import { startProgress } from '../../files/progress.ts'
import { formatSize } from '../../output/size.ts'
import { resolveVolumeUuid } from '../kind.ts'
import { copyFromVolume } from './copy-from-volume.ts'
import { copyToVolume } from './copy-to-volume.ts'
import type { VolumeCopyOptions } from './volume-job.ts'

/** Copies between this machine and a volume, and says what was copied. */
export async function copyVolume(
  context: ApiContext,
  { source, target }: { readonly source: Place; readonly target: Place },
  options: VolumeCopyOptions,
): Promise<void> {
  const { output } = context
  const { reference, isDownload } = requireOneVolume(source, target)
  if (target.kind === 'stream') requirePipe(output.mode === 'json', 'gpulab volumes cp VOLUME:PATH')
  const uuid = await resolveVolumeUuid(context, reference)
  const started = performance.now()
  const progress = startProgress(output, process.stderr, process.env)
  const job = { context, uuid, progress, options }
  try {
    const copied = await (isDownload
      ? copyFromVolume(job, source, target)
      : copyToVolume(job, source, target))
    const seconds = Math.round(performance.now() - started) / 1000
    progress.stop()
    const { bytes, files } = progress
    if (output.mode !== 'json') {
      output.note(`✓ ${files} ${files === 1 ? 'file' : 'files'}, ${formatSize(bytes)} in ${seconds} s`)
      return
    }
    const json = { target: copied.target, bytes, files, seconds, resumed_bytes: copied.resumedBytes }
    output.render({ table: () => {}, json, quiet: [] })
  } finally {
    progress.stop()
  }
}

function requireOneVolume(source: Place, target: Place): { reference: string; isDownload: boolean } {
  if (source.kind === 'container' && target.kind !== 'container') {
    return { reference: source.reference, isDownload: true }
  }
  if (target.kind === 'container' && source.kind !== 'container') {
    return { reference: target.reference, isDownload: false }
  }
  if (source.kind === 'container') {
    throw new GpulabError('invalid_request', {
      message: 'Nothing is copied from one volume to another.',
      hint: 'Copy it here and from here, or through a pipe: gpulab volumes cp A:PATH - | gpulab volumes cp - B:FOLDER',
    })
  }
  throw new GpulabError('invalid_request', {
    message: 'One of the two has to be in a volume, and the other on this machine.',
    hint: 'Write it as VOLUME:PATH, as in gpulab volumes cp ./dataset my-data:/',
  })
}
