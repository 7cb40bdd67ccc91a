import { eventually } from '@gpulab/testing'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost

beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host[Symbol.asyncDispose]())

const parentOf = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1])
}

describe('a container that the engine can not stop', () => {
  it('is busy until it can, and keeps no other from being made', async () => {
    const wanted = await host.deploy()
    const shim = await parentOf((await host.list(wanted.uuid))[0]?.pid ?? 0)
    process.kill(shim, 'SIGSTOP')
    try {
      const version = host.control.want({ ...wanted, desired: 'stopped' })
      const facts = await eventually(
        () => {
          const report = host.control.reports.findLast((each) => each.target_version >= version)
          if (!report) throw new Error('It says nothing yet.')
          return report.containers.find(({ uuid }) => uuid === wanted.uuid)
        },
        { timeoutMs: 30_000 },
      )
      expect(facts).toMatchObject({ state: 'running', busy: true, failure: null })
      const other = await host.deploy()
      host.control.want({ ...other, desired: 'absent' })
      expect(await host.control.settled(other.uuid)).toBeUndefined()
      const last = host.control.reports.at(-1)
      expect(last?.engine.available).toBe(true)
      expect(last?.containers).toMatchObject([{ uuid: wanted.uuid, state: 'running', busy: true }])
    } finally {
      process.kill(shim, 'SIGCONT')
    }
    expect(await host.control.settled(wanted.uuid, 90_000)).toMatchObject({ state: 'exited', busy: false })
  })
})

describe('how a container ended', () => {
  it.each([
    ['by itself', ['sh', '-c', 'exit 3'], { exit_code: 3, oom_killed: false }],
    ['by a signal of its own', ['sh', '-c', 'kill -TERM $$'], { exit_code: 143, oom_killed: false }],
    ['for memory', ['tail', '/dev/zero'], { exit_code: 137, oom_killed: true }],
    [
      'for memory that a child used',
      ['sh', '-c', 'tail /dev/zero; exit 5'],
      { exit_code: 5, oom_killed: true },
    ],
  ])('%s is told', async (_, command, expected) => {
    const { wanted, facts } = await host.runToEnd({ command, memory_bytes: 32 << 20 })
    expect(facts).toMatchObject({ state: 'exited', failure: null, ...expected })
    expect(Date.parse(facts.finished_at ?? '')).toBeGreaterThanOrEqual(Date.parse(facts.started_at ?? ''))
    host.control.want({ ...wanted, desired: 'absent' })
    expect(await host.control.settled(wanted.uuid)).toBeUndefined()
  })

  it('by a kill from outside is told', async () => {
    const wanted = await host.deploy()
    process.kill((await host.list(wanted.uuid))[0]?.pid ?? 0, 'SIGKILL')
    const facts = await eventually(async () => {
      const now = await host.control.settled(wanted.uuid)
      if (now?.state !== 'exited') throw new Error('It still runs.')
      return now
    })
    expect(facts).toMatchObject({ exit_code: 137, oom_killed: false, failure: null })
  })
})
