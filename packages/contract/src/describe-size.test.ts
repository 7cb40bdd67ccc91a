import { expect, it } from 'vitest'
import { describeSize } from './describe-size.ts'

it.each([
  [0, '0 bytes', '0 bytes'],
  [5 * 2 ** 20, '5 MiB', '5 MiB'],
  [34.567 * 2 ** 30, '34.56 GiB', '34.57 GiB'],
  [2 ** 40 + 1, '1 TiB', '1.01 TiB'],
])('%d bytes are said to be no more than there are, and no less', (bytes, down, up) => {
  expect([describeSize(bytes, 'down'), describeSize(bytes, 'up')]).toEqual([down, up])
})
