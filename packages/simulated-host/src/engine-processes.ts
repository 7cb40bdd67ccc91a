import type { EngineLayout } from './engine-layout.ts'
import { findProcesses } from './processes.ts'

/** The live processes of one engine. */
export interface EngineProcesses {
  dockerd: number | undefined
  containerd: number | undefined
  /** Container id → pid of the shim that looks after it. */
  shims: Map<string, number>
}

/** Finds an engine's processes by the files that they were started with. */
export async function findEngineProcesses(layout: EngineLayout): Promise<EngineProcesses> {
  const files = [layout.dockerdConfig, layout.containerdConfig, layout.containerdSocket]
  const found = await findProcesses((argv) => files.some((file) => argv.includes(file)))
  const using = (file: string, name: string) =>
    found.find(({ argv }) => argv.includes(file) && argv[0]?.endsWith(name))?.pid
  const shims = found.filter(({ argv }) => argv[0]?.includes('containerd-shim') && argv.includes('-id'))
  return {
    dockerd: using(layout.dockerdConfig, 'dockerd'),
    containerd: using(layout.containerdConfig, 'containerd'),
    shims: new Map(shims.map(({ pid, argv }) => [argv[argv.indexOf('-id') + 1] ?? '', pid])),
  }
}
