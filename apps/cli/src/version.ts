import type { Context } from './context.ts'
import packageJson from '../package.json' with { type: 'json' }

const systems: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' }
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386' }

export interface Version {
  readonly version: string
  readonly os: string
  readonly arch: string
  readonly node: string
}

/** Systems and processors under the names that downloads use. */
export const getVersion = (): Version => ({
  version: packageJson.version,
  os: systems[process.platform] ?? process.platform,
  arch: architectures[process.arch] ?? process.arch,
  node: process.versions.node,
})

/** "gpulab v1.0.0 (linux/amd64)" */
export const formatVersion = ({ version, os, arch }: Version): string => `gpulab v${version} (${os}/${arch})`

export function showVersion({ output }: Pick<Context, 'output'>): void {
  const version = getVersion()
  output.render({ table: () => output.line(formatVersion(version)), json: version, quiet: [version.version] })
}
