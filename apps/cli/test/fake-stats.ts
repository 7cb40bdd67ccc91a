import { api, type Container, type ContainerStats, GpulabError } from '@gpulab/contract'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { FakeState, ServeFake } from './fake-api.ts'

interface Tools {
  findContainer(state: FakeState, uuid: string): Container
  cut(): void
}

export function serveStats(serve: ServeFake, state: FakeState, { findContainer, cut }: Tools): void {
  serve(api.stats.read, async ({ params, query }, { signal }) => {
    const container = findContainer(state, params.uuid)
    if (container.status !== 'running') throw new GpulabError('container_not_running')
    return query.follow ? follow(container, signal) : one()
  })

  async function* one(): AsyncGenerator<ContainerStats> {
    yield* state.samples.splice(0, 1)
  }

  async function* follow(container: Container, signal: AbortSignal): AsyncGenerator<ContainerStats> {
    state.streams++
    for (let count = 0; ; count++) {
      const [sample] = state.samples
      if (!sample) break
      if (count === state.cutEvery) {
        // What was yielded is on its way before the connection goes.
        await setImmediate()
        await setImmediate()
        cut()
        return
      }
      state.samples.shift()
      yield sample
    }
    if (state.endless && !signal.aborted) await once(signal, 'abort')
    container.status = 'stopped'
    container.status_reason = { code: 'exited', message: 'Its command ended with exit code 0.' }
  }
}
