import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { findPidNamespace, killTree } from './kill-tree.ts'

const children: ChildProcess[] = []
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')))

const sleep = async (env: Record<string, string> = {}): Promise<ChildProcess & { pid: number }> => {
  const child = spawn('sleep', ['60'], { env: { ...process.env, ...env }, stdio: 'ignore' })
  children.push(child)
  await once(child, 'spawn')
  return child as ChildProcess & { pid: number }
}

describe('the end of a command', () => {
  it('takes whoever has its marker, and its own process without one', async () => {
    const marker = `GPULAB_EXEC_ID=${randomUUID()}`
    const marked = await sleep({ GPULAB_EXEC_ID: marker.slice('GPULAB_EXEC_ID='.length) })
    const root = await sleep()
    const ends = [once(marked, 'exit'), once(root, 'exit')]
    const pidNamespace = (await findPidNamespace(process.pid)) ?? ''
    expect(await killTree(marker, { pid: root.pid, pidNamespace }, 2000)).toBe(true)
    expect(await Promise.all(ends)).toEqual([
      [null, 'SIGKILL'],
      [null, 'SIGKILL'],
    ])
  })

  it("spares a process that has the command's number outside its container", async () => {
    const other = await sleep()
    const marker = `GPULAB_EXEC_ID=${randomUUID()}`
    expect(await killTree(marker, { pid: other.pid, pidNamespace: 'pid:[1]' }, 500)).toBe(true)
    process.kill(other.pid, 0)
    expect(other.exitCode ?? other.signalCode).toBeNull()
  })
})
