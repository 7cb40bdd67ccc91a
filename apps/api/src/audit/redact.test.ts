import { expect, it } from 'vitest'
import { redact } from './redact.ts'

it('keeps what was asked for, and none of what is secret', () => {
  const asked = {
    name: 'job',
    env: { TOKEN: 'hunter2', EMPTY: '' },
    ports: [80],
    registry: { username: 'me', password: 'hunter2' },
    command: ['sh', '-c', 'x'.repeat(5000)],
    nothing: null,
  }
  const kept = redact(asked)
  expect(JSON.stringify(kept)).not.toContain('hunter2')
  expect(kept).toMatchObject({
    name: 'job',
    env: { TOKEN: '********', EMPTY: '********' },
    ports: [80],
    registry: { username: 'me', password: '********' },
    nothing: null,
  })
  expect(JSON.stringify(kept).length).toBeLessThan(4500)
})
