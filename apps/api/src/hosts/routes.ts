import { control } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { HostPrincipal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { applyReport } from './apply-report.ts'
import { applyVolumeReport } from '../volumes/apply-report.ts'
import { createHeartbeats } from './heartbeats.ts'
import { storeDeployLog, waitForTarget, welcomeHost } from './service.ts'

export function hostRoutes(serve: Serve<HostPrincipal>, deps: Deps): void {
  serve(control.report.hello, ({ body }, { principal }) => welcomeHost(deps, principal, body))
  serve(control.report.send, ({ body }, { principal }) => applyReport(deps, principal, body))
  const takeHeartbeat = createHeartbeats(deps)
  serve(control.report.heartbeat, ({ body }, { principal }) => takeHeartbeat(principal, body))
  serve(control.report.volumes, ({ body }, { principal }) => applyVolumeReport(deps, principal, body))
  serve(control.report.deployLog, ({ body }, { principal }) => storeDeployLog(deps, principal, body))
  serve(control.target.get, ({ query }, { principal, signal }) =>
    waitForTarget(deps, principal, query.after, signal),
  )
}
