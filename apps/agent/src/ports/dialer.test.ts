import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createDialer } from './dialer.ts'

const container = { id: 'a'.repeat(64), pid: process.pid }

it('whose program is not there, or no dialer, leaves every port to the guest', async () => {
  for (const program of ['/nowhere/gpulab-dialer', '/bin/true']) {
    const dialer = createDialer(program, pino({ level: 'silent' }))
    for (let n = 0; n < 3; n++) expect(await dialer.dial(container, 80)).toBeUndefined()
    dialer.close()
  }
})
