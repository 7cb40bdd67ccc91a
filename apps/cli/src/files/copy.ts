import { GpulabError } from '@gpulab/contract'
import { basename } from 'node:path'
import type { ApiContext } from '../context.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { formatSize } from '../output/size.ts'
import { copyIn } from './copy-in.ts'
import { copyOut } from './copy-out.ts'
import type { CopyOptions } from './copy-job.ts'
import type { Place } from './place.ts'
import { startProgress } from './progress.ts'
import { createToolbox } from './toolbox.ts'

/** Copies between this machine and a container, and says what was copied. */
export async function copy(
  context: ApiContext,
  { source, target }: { readonly source: Place; readonly target: Place },
  options: CopyOptions,
): Promise<void> {
  const { output } = context
  const reference = requireOneContainer(source, target)
  if (target.kind === 'stream') requirePipe(output.mode === 'json', 'gpulab cp CONTAINER:PATH')
  const toolbox = createToolbox(context, await resolveContainerUuid(context, reference))
  const started = performance.now()
  const progress = startProgress(output, process.stderr, process.env)
  const job = { context, toolbox, progress, options }
  try {
    const copied =
      source.kind === 'container' ? await copyOut(job, source, target) : await copyIn(job, source, target)
    const seconds = Math.round(performance.now() - started) / 1000
    progress.stop()
    const { bytes, files } = progress
    if (output.mode !== 'json') {
      output.note(`✓ ${files} ${files === 1 ? 'file' : 'files'}, ${formatSize(bytes)} in ${seconds} s`)
      return
    }
    output.render({
      table: () => {},
      json: {
        target: copied.target,
        bytes,
        files,
        seconds,
        sha256: copied.sha256,
        resumed_bytes: copied.resumedBytes,
      },
      quiet: [],
    })
  } finally {
    progress.stop()
  }
}

function requireOneContainer(source: Place, target: Place): string {
  if (source.kind === 'container' && target.kind !== 'container') return source.reference
  if (target.kind === 'container' && source.kind !== 'container') return target.reference
  if (source.kind === 'container') {
    throw new GpulabError('invalid_request', {
      message: 'Nothing is copied from one container to another.',
      hint: 'Copy it here and from here, or through a pipe: gpulab cp A:PATH - | gpulab cp - B:FOLDER',
    })
  }
  throw new GpulabError('invalid_request', {
    message: 'One of the two has to be in a container.',
    hint: `Write it as CONTAINER:PATH, as in gpulab cp ${source.kind === 'local' ? basename(source.path) : '-'} my-container:/workspace/`,
  })
}

/** Throws where standard output is not for an archive. */
export function requirePipe(isJson: boolean, command: string): void {
  if (isJson) {
    throw new GpulabError('invalid_request', {
      message: 'Standard output cannot take both the archive and JSON.',
      hint: 'Leave out --json, or give a path instead of -.',
    })
  }
  if (process.stdout.isTTY) {
    throw new GpulabError('invalid_request', {
      message: 'An archive is not written to a terminal.',
      hint: `Send it to a file or a program: ${command} - > files.tar`,
    })
  }
}
