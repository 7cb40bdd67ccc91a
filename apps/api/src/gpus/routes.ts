import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { getGpuType, pageGpuTypes, setPrice } from './service.ts'

export function gpuRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.gpus.listTypes, ({ query: { name, cursor, limit } }) =>
    pageGpuTypes(deps, { name, after: cursor, limit }),
  )
  serve(api.gpus.getType, ({ params }) => getGpuType(deps, params.name))
  serve(api.admin.gpuTypes.setPrice, ({ params, body }) => setPrice(deps, params.name, body.price_per_hour))
}
