import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'

import { choosePort } from './port.ts'

afterEach(() => void vi.useRealTimers())

test('a wanted port that stays taken is waited for only a while, whichever way the clock is set', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  vi.useFakeTimers({ toFake: ['Date'] })
  const chosen = choosePort('/nonexistent', port, AbortSignal.timeout(20_000))
  await expect(chosen).rejects.toThrow(/is taken/)
  other.close()
})
