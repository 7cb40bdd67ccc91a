import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest'
import { followSession } from './src/follow-session.ts'
import { deploy } from './src/operations.ts'
import { victims } from './src/part.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

let system: FaultSystem
let uuid: string

beforeAll(async () => {
  system = await startFaultSystem({ gpus: 1 })
  uuid = await deploy(system, 'with-sessions')
  await untilWell(system)
})
afterAll(() => system?.[Symbol.asyncDispose]())

const count =
  'i=0; while [ ! -e /tmp/enough ]; do echo $i; i=$((i+1)); sleep 0.01; done; rm /tmp/enough; exit 7'
const lines = (text: string): number => text.split('\n').length - 1

it.each(victims)(
  'a session goes on when %s is killed, and its reader misses nothing',
  { timeout: 120_000 },
  async (victim) => {
    onTestFailed(async () => void process.stderr.write(await system.tails()))
    const { client, parts } = system
    const session = await client.sessions.create({ params: { uuid }, body: { command: count } })
    expect(session.transport).toBe('guest')
    const followed = followSession(client, { uuid, id: session.id })
    await eventually(() => expect(lines(followed.text())).toBeGreaterThan(50), { timeoutMs: 30_000 })
    await parts[victim].kill()
    await parts[victim].start()
    const before = lines(followed.text())
    await eventually(() => expect(lines(followed.text())).toBeGreaterThan(before + 50), { timeoutMs: 60_000 })
    await client.exec.run({ params: { uuid }, body: { command: ['touch', '/tmp/enough'] } })
    expect(await followed.exit).toMatchObject({ exit_code: 7, reason: 'exited' })
    const numbers = followed.text().trim().split('\n')
    expect(numbers).toEqual(numbers.map((_, index) => String(index)))
    if (victim === 'api' || victim === 'agent') expect(followed.attachments()).toBeGreaterThan(1)
  },
)
