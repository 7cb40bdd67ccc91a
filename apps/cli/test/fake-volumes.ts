import { api, GpulabError, type Volume } from '@gpulab/contract'
import type { FakeState, ServeFake } from './fake-api.ts'
import { sampleVolume, uuidOf } from './samples.ts'

export function serveVolumes(serve: ServeFake, state: FakeState): void {
  const find = (uuid: string): Volume => {
    const found = state.volumes.find((volume) => volume.uuid === uuid)
    if (!found) throw new GpulabError('volume_not_found')
    return found
  }
  serve(api.volumes.list, async ({ query }) => ({
    items: state.volumes.filter(({ name }) => query.name === undefined || name === query.name),
    next_cursor: null,
  }))
  // What is passing is over at the next look.
  serve(api.volumes.get, async ({ params }) => Object.assign(find(params.uuid), state.volumeChanges.shift()))
  serve(api.volumes.create, async ({ body }) => {
    const { name, size_bytes, driver = 'local' } = body
    state.volumesCreated.push(body)
    const volume = sampleVolume({ uuid: uuidOf('77777777'), name, size_bytes, driver, status: 'creating' })
    state.volumes = [volume, ...state.volumes]
    return volume
  })
  serve(api.volumes.resize, async ({ params, body }) =>
    Object.assign(find(params.uuid), { ...body, status: 'resizing' }),
  )
  serve(api.volumes.remove, async ({ params }) => {
    const volume = find(params.uuid)
    if (volume.containers.length > 0) throw new GpulabError('volume_in_use')
    state.volumes = state.volumes.filter(({ uuid }) => uuid !== params.uuid)
  })
}
