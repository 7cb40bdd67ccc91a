import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { endProcess, findProcess, isRunning } from './processes.ts'

describe('a process', () => {
  it('is told from another one of the same number', async () => {
    const self = await findProcess(process.pid)
    expect(self && (await isRunning(self))).toBe(true)
    expect(await isRunning({ pid: process.pid, startTime: '1' })).toBe(false)
  })

  it('is ended, politely or not', async () => {
    for (const script of ['exec sleep 60', 'trap "" TERM; while :; do sleep 1; done']) {
      const { pid = 0 } = spawn('sh', ['-c', script], { stdio: 'ignore' })
      const identity = await findProcess(pid)
      if (!identity) throw new Error('it did not start')
      await endProcess(identity, 200)
      expect(await isRunning(identity)).toBe(false)
    }
  })
})
