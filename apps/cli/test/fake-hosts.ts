import { api, GpulabError, type Host } from '@gpulab/contract'
import type { FakeState, ServeFake } from './fake-api.ts'
import { summaryOf } from './samples.ts'

export function serveHosts(serve: ServeFake, state: FakeState): void {
  const find = (uuid: string): Host => {
    const found = state.hosts.find((host) => host.uuid === uuid)
    if (!found) throw new GpulabError('host_not_found')
    return found
  }
  serve(api.hosts.list, async ({ query }) => {
    if (state.failure) throw state.failure
    return {
      items: state.hosts.filter(({ name }) => query.name === undefined || name === query.name).map(summaryOf),
      next_cursor: null,
    }
  })
  serve(api.hosts.get, async ({ params }) => find(params.uuid))
  serve(api.hosts.events, async ({ params }) => {
    find(params.uuid)
    return { items: state.hostEvents }
  })
  serve(api.hosts.watch, async ({ params }, { signal }) => {
    find(params.uuid)
    return (async function* () {
      yield find(params.uuid)
      for (;;) {
        const change = state.hostChanges.shift()
        if (change === undefined) break
        if (change === 'removed') state.hosts = []
        if (change === 'removed' || change === 'cut') return
        yield Object.assign(find(params.uuid), change)
      }
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    })()
  })
  serve(api.hosts.invite, async ({ body }) => {
    state.invites.push(body)
    return {
      token: 'gpulab_join_secret',
      host_name: body.host_name ?? null,
      uses: body.uses,
      expires_at: '2026-03-01T11:00:00.000Z',
    }
  })
  const states = { cordon: 'cordoned', uncordon: 'active', drain: 'draining', fence: 'fenced' } as const
  for (const action of ['cordon', 'uncordon', 'drain', 'fence'] as const) {
    serve(api.hosts[action], async ({ params }) => {
      const host = find(params.uuid)
      state.hostActions.push(`${action} ${host.name}`)
      return Object.assign(host, { state: state.silent ? 'unreachable' : states[action] })
    })
  }
  serve(api.hosts.remove, async ({ params }) => {
    const host = find(params.uuid)
    if (host.containers.length > 0) throw new GpulabError('host_in_use')
    state.hostActions.push(`rm ${host.name}`)
  })
}
