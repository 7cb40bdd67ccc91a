import { tryCommand } from '@gpulab/images'
import { setTimeout as delay } from 'node:timers/promises'

/** Gives what it prints. */
export async function runTool(program: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
  return stdout
}

const lookMs = 100

/** Whether it came true in time. */
export async function untilTrue(
  check: () => Promise<boolean> | boolean,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > deadline) return false
    await delay(lookMs)
  }
  return true
}
