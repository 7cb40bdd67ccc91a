export type Os = 'linux' | 'darwin'
export type Arch = 'amd64' | 'arm64'

export interface Target {
  readonly os: Os
  readonly arch: Arch
}

/** What a release has executables for, under the names that downloads use. */
export const targets: readonly Target[] = [
  { os: 'linux', arch: 'amd64' },
  { os: 'linux', arch: 'arm64' },
  { os: 'darwin', arch: 'amd64' },
  { os: 'darwin', arch: 'arm64' },
]

/** "gpulab_linux_amd64.tar.gz" */
export const archiveName = ({ os, arch }: Target): string => `gpulab_${os}_${arch}.tar.gz`

/** Bun's name. */
export const bunTarget = ({ os, arch }: Target): string => `bun-${os}-${arch === 'amd64' ? 'x64' : 'arm64'}`

/** Of this machine; undefined where there is none for it. */
export const ownTarget = (): Target | undefined =>
  targets.find(
    ({ os, arch }) => os === process.platform && arch === (process.arch === 'x64' ? 'amd64' : process.arch),
  )
