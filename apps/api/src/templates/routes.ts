import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { getTemplate, pageTemplates, toTemplate } from './service.ts'

export function templateRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.templates.list, ({ query: { name, type, cursor, limit } }) =>
    pageTemplates(deps, { name, type, after: cursor, limit }),
  )
  serve(api.templates.get, async ({ params }) => toTemplate(await getTemplate(deps, params.uuid)))
}
