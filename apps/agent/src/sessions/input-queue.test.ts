import { inputWindowBytes } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { describe, expect, it } from 'vitest'
import { InputQueue } from './input-queue.ts'
import type { Attachment } from './program.ts'

/** A program that takes input when the test says so. */
function createReader() {
  const written: number[] = []
  let isOpen = false
  let fails = false
  let opened = Promise.withResolvers<void>()
  let ended = 0
  const attachment: Attachment = {
    offset: 0,
    inputOffset: 1000,
    output: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    take: () => {},
    write: async (bytes) => {
      if (fails) throw new Error('closed')
      if (!isOpen) await opened.promise
      written.push(bytes.length)
    },
    endInput: async () => {
      ended++
    },
    leave: async () => {},
  }
  return {
    attachment,
    written,
    ended: () => ended,
    fail: () => {
      fails = true
    },
    open: () => {
      isOpen = true
      opened.resolve()
      opened = Promise.withResolvers()
    },
  }
}

const chunk = Buffer.alloc(64 << 10)

describe('input', () => {
  it('within the window never waits for the program, beyond it does', async () => {
    const reader = createReader()
    const queue = new InputQueue(reader.attachment, { bytes: 0 }, () => {})
    for (let sent = 0; sent < inputWindowBytes; sent += chunk.length) await queue.push(chunk)
    let isThrough = false
    const more = queue.push(chunk).then(() => (isThrough = true))
    await Promise.resolve()
    expect(isThrough).toBe(false)
    reader.open()
    await more
  })

  it('is acknowledged only when it is safe, so that a client with a full window goes on', async () => {
    const reader = createReader()
    reader.open()
    const acks: number[] = []
    const queue = new InputQueue(reader.attachment, { bytes: 0 }, (offset) => acks.push(offset))
    for (let sent = 0; sent < inputWindowBytes; sent += chunk.length) await queue.push(chunk)
    await eventually(() => expect(acks.at(-1)).toBeGreaterThan(1000 + inputWindowBytes / 2))
    expect(acks.at(-1)).toBeLessThanOrEqual(1000 + inputWindowBytes - (64 << 10))
    expect(acks).toEqual([...acks].toSorted((a, b) => a - b))
  })

  it('of one client takes less of its window while all together have too much', async () => {
    const reader = createReader()
    const total = { bytes: 64 << 20 }
    const queue = new InputQueue(reader.attachment, total, () => {})
    for (let sent = 0; sent < 256 << 10; sent += chunk.length) await queue.push(chunk)
    const more = queue.push(chunk)
    let isThrough = false
    void more.then(() => (isThrough = true))
    await Promise.resolve()
    expect(isThrough).toBe(false)
    reader.open()
    await more
    await eventually(() => expect(total.bytes).toBe(64 << 20))
  })

  it('ends after all that was sent', async () => {
    const reader = createReader()
    const queue = new InputQueue(reader.attachment, { bytes: 0 }, () => {})
    await queue.push(chunk)
    queue.end()
    expect(reader.ended()).toBe(0)
    reader.open()
    await eventually(() => expect(reader.ended()).toBe(1))
    expect(reader.written).toEqual([chunk.length])
  })

  it('that may not have come through is thrown away, holds nothing up and is never acknowledged', async () => {
    const reader = createReader()
    reader.fail()
    const total = { bytes: 0 }
    const acks: number[] = []
    const queue = new InputQueue(reader.attachment, total, (offset) => acks.push(offset))
    for (let n = 0; n < 50; n++) await queue.push(chunk)
    queue.end()
    await eventually(() => expect(total.bytes).toBe(0))
    expect(acks).toEqual([])
    expect(reader.ended()).toBe(0)
  })
})
