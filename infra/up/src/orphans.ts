import { readdir, readFile } from 'node:fs/promises'
import { endProcess, findProcess } from './processes.ts'
import type { StateLayout } from './state-layout.ts'

/** Ends API, gateway and agent of a supervisor that was killed. Each has a file of the state in its environment. */
export async function endOrphans(layout: StateLayout): Promise<void> {
  const marks = new Set([
    `GPULAB_PEPPER_FILE=${layout.pepperFile}`,
    `GPULAB_GATEWAY_KEY_FILE=${layout.gatewayKeyFile}`,
    `GPULAB_AGENT_SOCKET=${layout.agentSocket}`,
    `GPULAB_AGENT_SOCKET=${layout.second.agentSocket}`,
  ])
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))
  for (const pid of pids) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (!environment.split('\0').some((entry) => marks.has(entry)) || Number(pid) === process.pid) continue
    const identity = await findProcess(Number(pid))
    if (identity) await endProcess(identity, 20_000)
  }
}
