import { describe, expect, it } from 'vitest'
import { MemoryLog } from './memory-log.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

async function read(log: MemoryLog, offset = 0): Promise<string> {
  await using reader = log.read(offset)
  let text = ''
  for (let next = await reader.next(); next; next = await reader.next()) {
    text += next.kind === 'gap' ? `<${next.lostBytes}>` : `${next.kind[3]}${next.bytes.toString()}`
  }
  return text
}

describe('output in memory', () => {
  it('keeps the newest, and says what is gone', async () => {
    const log = new MemoryLog(4, false)
    log.add('stdout', bytes('ab'))
    log.add('stderr', bytes('cd'))
    expect(await read(log)).toBe('oabecd')
    log.add('stdout', bytes('e'))
    expect(await read(log)).toBe('<1>obecdoe')
    expect(await read(log, 3)).toBe('edoe')
    log.add('stdout', bytes('fghijkl'))
    expect([await read(log), log.first, log.end]).toEqual(['<8>oijkl', 8, 12])
  })

  it('drops nothing that was not released while it is lossless, and lets writers wait', async () => {
    const log = new MemoryLog(4, true)
    log.add('stdout', bytes('abcdef'))
    expect(await read(log)).toBe('oabcdef')
    let hasRoom = false
    const room = log.room().then(() => (hasRoom = true))
    log.release(1)
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    log.release(3)
    await room
    expect(await read(log, 3)).toBe('odef')
    log.lossless = false
    log.add('stdout', bytes('g'))
    expect(await read(log, 3)).toBe('odefg')
  })
})
