import { beforeEach, describe, expect, it } from 'vitest'
import { InputQueue } from './input-queue.ts'
import { LogAttachments } from './log-attachment.ts'
import { MemoryLog } from './memory-log.ts'

const place = { offset: 0, lossless: true }

/** A program that takes input one piece at a time, when the test says so. */
function createProgram() {
  const heard: string[] = []
  const waiting: (() => void)[] = []
  const input = () => ({
    inputOffset: Buffer.byteLength(heard.join('')),
    write: async (bytes: Uint8Array) => {
      heard.push(Buffer.from(bytes).toString())
      await new Promise<void>((resolve) => waiting.push(resolve))
    },
    endInput: async () => void heard.push('<end>'),
  })
  return { heard, input, takeOne: () => waiting.shift()?.() }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('input on its way', () => {
  let program: ReturnType<typeof createProgram>
  let attachments: LogAttachments
  beforeEach(() => {
    program = createProgram()
    attachments = new LogAttachments(new MemoryLog(1024, true))
  })

  it('of a client that has another one in its place is not given after it: that one sends it again', async () => {
    const first = new InputQueue(attachments.attach(place, program.input()), { bytes: 0 }, () => {})
    for (const piece of ['a', 'b', 'c']) void first.push(Buffer.from(piece))
    first.end()
    await turn()
    const second = attachments.attach(place, program.input())
    expect(second.inputOffset).toBe(1)
    const again = new InputQueue(second, { bytes: 0 }, () => {})
    for (const piece of ['b', 'c']) void again.push(Buffer.from(piece))
    again.end()
    for (let n = 0; n < 6; n++) {
      program.takeOne()
      await turn()
    }
    expect(program.heard.join('')).toBe('abc<end>')
  })

  it('of a client that has left, and has none in its place, is given', async () => {
    const attachment = attachments.attach(place, program.input())
    const queue = new InputQueue(attachment, { bytes: 0 }, () => {})
    for (const piece of ['a', 'b']) void queue.push(Buffer.from(piece))
    await attachment.leave()
    for (let n = 0; n < 3; n++) {
      program.takeOne()
      await turn()
    }
    expect(program.heard.join('')).toBe('ab')
  })

  it('ends the attachment where it may not have come through, and no other', async () => {
    const reader = attachments.attach(place, program.input())
    attachments.interruptInput()
    const output = reader.output()[Symbol.asyncIterator]()
    const next = output.next()
    const { write } = attachments.attach(place, program.input())
    await expect(next).rejects.toMatchObject({ code: 'session_taken_over' })
    void write(Buffer.from('a'))
    attachments.interruptInput()
    await expect(write(Buffer.from('b'))).rejects.toThrow()
    expect(program.heard).toEqual(['a'])
  })
})

it('who leaves is told of once, unless another one is there', async () => {
  let left = 0
  const attachments = new LogAttachments(new MemoryLog(1024, true), { onLeave: () => left++ })
  const input = createProgram().input()
  const first = attachments.attach(place, input)
  const second = attachments.attach(place, input)
  await first.leave()
  expect(left).toBe(0)
  await second.leave()
  await second.leave()
  expect(left).toBe(1)
})
