import { findProgram, installPackages } from '@gpulab/images'

const needed = [
  ['dockerd', 'docker.io'],
  ['runc', 'runc'],
  ['iptables', 'iptables'],
  ['ip', 'iproute2'],
  ['mmdebstrap', 'mmdebstrap'],
  // Volumes whose sizes hold are images with a file system of their own.
  ['mkfs.xfs', 'xfsprogs'],
] as const

/**
 * Installs what an engine of our own needs and this machine lacks, from the distribution's packages and
 * without starting any service. Gives the packages that it installed. Throws one sentence where it can't.
 */
export async function ensureEngineInstalled(): Promise<string[]> {
  const missing: string[] = []
  for (const [program, name] of needed) if (!(await findProgram(program))) missing.push(name)
  if (missing.length > 0) await installPackages(missing, 'A Docker Engine of our own')
  return missing
}
