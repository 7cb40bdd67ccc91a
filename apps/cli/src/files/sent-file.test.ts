import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SentFile } from './sent-file.ts'

const head = 'file 644 5 1.000000000\n0 aa\n'
const tail = '5 bb\nfile 644 5 1.000000000\n'

function read(bytes: Buffer, cuts: readonly number[], length: number) {
  const content: Uint8Array[] = []
  const lines: string[] = []
  const sent = new SentFile({
    head: (told) => {
      lines.push(...told)
      return length
    },
    content: (part) => void content.push(part),
  })
  const ends = [...new Set([0, ...cuts.map((each) => each % (bytes.length + 1)), bytes.length])].toSorted(
    (a, b) => a - b,
  )
  for (const [index, end] of ends.entries()) if (index > 0) sent.push(bytes.subarray(ends[index - 1], end))
  return { lines, content: Buffer.concat(content).toString('latin1'), end: sent.finish() }
}

describe('what the guest sends of a file', () => {
  it('is taken apart wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (bytes, cuts) => {
          const content = Buffer.from(bytes)
          const all = Buffer.concat([Buffer.from(head), content, Buffer.from(tail)])
          expect(read(all, cuts, content.length)).toEqual({
            lines: ['file 644 5 1.000000000', '0 aa'],
            content: content.toString('latin1'),
            end: ['5 bb', 'file 644 5 1.000000000'],
          })
        },
      ),
    )
  })

  it.each([
    ['is too short', `${head}abc`],
    ['has no end', `${head}abcde`],
    ['has half an end', `${head}abcde5 bb\nfile`],
    ['has too much of an end', `${head}abcde${tail}${tail}`],
    ['is nothing', ''],
    ['begins with a line without end', 'x'.repeat(3000)],
    ['ends with a line without end', `${head}abcde${'x'.repeat(3000)}`],
  ])('is refused when it %s', (_what, text) => {
    expect(() => read(Buffer.from(text), [], 5)).toThrow(/nonsense/)
  })
})
