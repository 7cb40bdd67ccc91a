import type { EngineKind } from './steps/engine.ts'

/** What a running system tells about itself; no secret is in it. */
export interface SystemInfo {
  stateDir: string
  apiUrl: string
  /** Below it are the containers' ports. */
  proxyUrl: string
  dockerHost: string
  engine: EngineKind
  host: string
  /** Of a system with a MooseFS cell. */
  secondHost?: string
  gpus: { name: string; count: number; simulated: boolean }[]
  /** Normal image to the stand-in that is used for it. */
  standIns: Record<string, string>
  email: string
  cliConfig: string
}
