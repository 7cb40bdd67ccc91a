import { expect, it } from 'vitest'
import { createLog } from './log.ts'

function createWrites() {
  const writes: string[] = []
  const log = createLog(
    { logLevel: 'info' },
    { write: (text: string | Uint8Array) => writes.push(`${text}`) > 0 },
  )
  return {
    log,
    messages: () => writes.map((text) => [...text.matchAll(/"msg":"(\w+)"/g)].map(([, msg]) => msg)),
  }
}
const nextTurn = () => new Promise((done) => setImmediate(done))

it('writes the lines of one turn at its end, together and in order', async () => {
  const { log, messages } = createWrites()
  log.info('one')
  log.child({ request: 1 }).info('two')
  log.debug('unheard')
  expect(messages()).toEqual([])
  await nextTurn()
  log.info('three')
  await nextTurn()
  expect(messages()).toEqual([['one', 'two'], ['three']])
})

it('writes warnings and errors at once, after what came before them', async () => {
  const { log, messages } = createWrites()
  log.info('before')
  log.error('trouble')
  expect(messages()).toEqual([['before', 'trouble']])
  log.info('after')
  await nextTurn()
  expect(messages()).toEqual([['before', 'trouble'], ['after']])
})
