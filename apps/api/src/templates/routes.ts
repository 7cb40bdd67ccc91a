import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import {
  changeTemplate,
  createTemplate,
  getTemplate,
  pageTemplates,
  removeTemplate,
  showTemplate,
  toTemplate,
} from './service.ts'

export function templateRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { templates } = api
  serve(templates.list, ({ query: { name, type, cursor, limit } }, { principal: { teamUuid } }) =>
    pageTemplates(deps, { teamUuid, name, type, cursor, limit }),
  )
  serve(templates.get, async ({ params }, { principal }) =>
    toTemplate(await getTemplate(deps, principal.teamUuid, params.uuid)),
  )
  serve(templates.create, ({ body }, context) => {
    const { teamUuid } = context.principal
    return once(deps, templates.create, { body }, context, {
      run: (remember) => createTemplate(deps, teamUuid, body, remember),
      replay: (uuid) => showTemplate(deps, teamUuid, uuid),
    })
  })
  serve(templates.update, ({ params, body }, { principal }) =>
    changeTemplate(deps, principal.teamUuid, params.uuid, body),
  )
  serve(templates.remove, ({ params }, { principal }) =>
    removeTemplate(deps, principal.teamUuid, params.uuid),
  )

  const shared = api.admin.templates
  serve(shared.create, ({ body }, context) =>
    once(deps, shared.create, { body }, context, {
      run: (remember) => createTemplate(deps, null, body, remember),
      replay: (uuid) => showTemplate(deps, null, uuid),
    }),
  )
  serve(shared.update, ({ params, body }) => changeTemplate(deps, null, params.uuid, body))
  serve(shared.remove, ({ params }) => removeTemplate(deps, null, params.uuid))
}
