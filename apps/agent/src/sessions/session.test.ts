import { eventually } from '@gpulab/testing'
import { expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import type { Attachment, Program } from './program.ts'
import { Session } from './session.ts'
import type { SessionRecord } from './session-record.ts'

const record = { id: 'one', tty: false, detached: false, end: null } as unknown as SessionRecord

it('that has been left is let go in time, also where somebody has tried in vain to attach', async () => {
  let left = 0
  const attachment = { leave: async () => void left++ } as Attachment
  const program = {
    attach: async ({ offset }) => {
      if (offset > 0) throw new Error('beyond its output')
      return attachment
    },
    waitForEnd: () => new Promise(() => {}),
  } as Program
  const session = new Session(record, program, { clock: systemClock, holdMs: 50, onChange: () => {} })
  session.release(await session.attach(0))
  await expect(session.attach(99)).rejects.toThrow('beyond')
  await eventually(() => expect(left).toBe(1))
})

it('of which something cannot be killed has ended all the same', async () => {
  const end = { exitCode: 137, signal: 'SIGKILL', reason: 'killed', message: 'something could not be killed' }
  const program = {
    kill: () => new Promise(() => {}),
    waitForEnd: async () => end,
  } as Partial<Program> as Program
  const session = new Session(record, program, { clock: systemClock, holdMs: 50, onChange: () => {} })
  await session.kill('killed')
  expect(await session.ended).toEqual(end)
})
