import { statfs } from 'node:fs/promises'
import { findProgram } from '@gpulab/images'

const leastFreeBytes = 256 * 1024 * 1024

/** Throws one sentence if an engine can't be started here. */
export async function checkMachine(stateDir: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error(
      'Starting a Docker Engine needs root; run this as root or set DOCKER_HOST to an engine that runs.',
    )
  }
  for (const name of ['dockerd', 'containerd', 'runc', 'iptables', 'ip']) {
    if (!(await findProgram(name))) {
      throw new Error(`"${name}" is not installed; install the packages docker.io, iptables and iproute2.`)
    }
  }
  const { bavail, bsize } = await statfs(stateDir)
  if (bavail * bsize < leastFreeBytes) {
    throw new Error(
      `The disk of "${stateDir}" is full; free at least 256 MiB or choose another state folder.`,
    )
  }
}
