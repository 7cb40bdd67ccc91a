import { type Container, type ContainerStats, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { containerKind } from '../containers/kind.ts'
import { isMissing } from '../resolve.ts'
import { resumeStream } from '../resume-stream.ts'

const isOver: readonly string[] = ['container_not_running', 'container_not_found']

interface Step {
  /** Samples are not kept: what was missed during a cut is gone. */
  readonly cursor: undefined
  readonly sample?: ContainerStats
  /** The last step: the container after its end. */
  readonly ended?: Container
}

/** Samples over any number of cuts, and then the container that has ended. */
export function followSamples(context: ApiContext, container: Container): AsyncGenerator<Step> {
  const { api, signal } = context
  const { uuid } = container
  let hasBegun = false
  return resumeStream(open, { signal })

  async function open(): Promise<AsyncIterable<Step>> {
    const samples = await api.stats
      .read({ params: { uuid }, query: { follow: 'true' } }, { signal })
      .catch((error: unknown) => {
        // Between two streams it has ended.
        if (hasBegun && error instanceof GpulabError && isOver.includes(error.code)) return []
        throw error
      })
    hasBegun = true
    return (async function* () {
      for await (const sample of samples) yield { cursor: undefined, sample }
      yield { cursor: undefined, ended: await look() }
    })()
  }

  /** The stream ends with the container, which its status may tell a little later, or when a server stops. */
  async function look(): Promise<Container> {
    const found = await api.containers.get({ params: { uuid } }, { signal }).catch((error: unknown) => {
      if (isMissing(containerKind, error)) return { ...container, status: 'deleted', status_reason: null }
      throw error
    })
    if (found.status !== 'running') return found
    throw new GpulabError('api_unreachable', { message: 'The API ended the stream.' })
  }
}
