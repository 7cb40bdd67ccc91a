import { type Channel, type Frame, frameType, toControlFrame } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { LogAttachments } from './log-attachment.ts'
import { MemoryLog } from './memory-log.ts'
import type { Program } from './program.ts'
import { serveAttachment } from './serve-attachment.ts'
import { Session } from './session.ts'
import type { SessionRecord } from './session-record.ts'

const totalBytes = 8 << 20
const chunkBytes = 64 << 10

/** A detached session that has written all of this, and who reads it. */
function createSession() {
  let readers = 0
  const log = new MemoryLog(totalBytes, false)
  // A quarter of it is gone, which counts for nothing.
  for (let at = 0; at < totalBytes + (2 << 20); at += chunkBytes) log.add('stdout', Buffer.alloc(chunkBytes))
  const read = log.read.bind(log)
  log.read = (offset) => {
    readers++
    return { ...read(offset), [Symbol.asyncDispose]: async () => void readers-- }
  }
  const attachments = new LogAttachments(log)
  const nothing = async (): Promise<void> => {}
  const program = {
    attach: async (place) => attachments.attach(place, { inputOffset: 0, write: nothing, endInput: nothing }),
    waitForEnd: () => new Promise(() => {}),
  } as Program
  const record = { id: 'one', tty: false, detached: true, end: null } as unknown as SessionRecord
  const session = new Session(record, program, { clock: systemClock, holdMs: 1000, onChange: () => {} })
  return { session, readers: () => readers }
}

it('a client that acknowledges nothing is sent no more than it has to hold', async () => {
  let received = 0
  const acks: Frame[] = []
  let wake = (): void => {}
  const incoming = (async function* () {
    for (;;) {
      const frame = acks.shift()
      if (frame) yield frame
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  })()
  const channel: Channel = {
    incoming,
    send: async ({ type, payload }) => {
      if (type === frameType.stdout) received += payload.length
      await new Promise((resolve) => setImmediate(resolve))
    },
    end: async () => {},
    destroy: () => {},
  }
  const leaving = new AbortController()
  const deps = { clock: systemClock, inputTotal: { bytes: 0 } }
  const how = { offset: 0, acks: true }
  const { session, readers } = createSession()
  const serving = serveAttachment(deps, session, how, async () => channel, leaving.signal)
  for (let before = -1; before !== received;) {
    before = received
    await systemClock.wait(100)
  }
  expect(received).toBe(1 << 20)
  acks.push(toControlFrame({ type: 'ack', offset: (2 << 20) + received }))
  wake()
  await eventually(() => expect(received).toBe(2 << 20))
  leaving.abort()
  await serving
  await eventually(() => expect(readers()).toBe(0))
})
