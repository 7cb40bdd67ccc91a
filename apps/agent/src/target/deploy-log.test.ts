import { type Client, type control, type DeployLog, GpulabError } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { systemTiming } from '../clock.ts'
import { createDeployLog } from './deploy-log.ts'

const uuid = '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a10'
const stopping: AbortController[] = []
afterEach(() => stopping.splice(0).forEach((each) => each.abort()))

/** A control plane that answers each batch as the test says. */
const start = (answer: (batch: DeployLog) => void) => {
  const batches: DeployLog[] = []
  const deployLog = async ({ body }: { body: DeployLog }): Promise<undefined> => {
    batches.push(body)
    answer(body)
  }
  let missing = 0
  const log = createDeployLog({
    ...systemTiming,
    control: { report: { deployLog } } as unknown as Client<typeof control>,
    bootId: uuid,
    log: pino({ enabled: false }),
    onHelloMissing: () => missing++,
  })
  const stop = new AbortController()
  stopping.push(stop)
  const ended = log.run(stop.signal).catch((error: unknown) => error)
  return { log, batches, ended, missing: () => missing }
}
const linesOf = (batches: readonly DeployLog[]): string[] =>
  batches.flatMap(({ lines }) => lines.map(({ line }) => line))

describe('the deployment log', () => {
  it('is sent without control characters, and not too much of a line', async () => {
    const { log, batches } = start(() => {})
    log.tell(uuid, `a\0b${'c'.repeat(5000)}`)
    await eventually(() => expect(batches).toHaveLength(1))
    expect(linesOf(batches)[0]).toMatch(/^a bc+$/)
    expect(linesOf(batches)[0]).toHaveLength(2000)
  })

  it('drops what is refused and goes on', async () => {
    const { log, batches } = start(({ lines }) => {
      if (lines.some(({ line }) => line === 'bad')) throw new GpulabError('invalid_request')
    })
    log.tell(uuid, 'bad')
    await eventually(() => expect(batches).toHaveLength(1))
    log.tell(uuid, 'good')
    await eventually(() => expect(linesOf(batches)).toEqual(['bad', 'good']))
  })

  it('sends again what was not taken, and asks for a hello where the host is not known', async () => {
    let answers = 0
    const { log, batches, missing } = start(() => {
      if (answers++ === 0) throw new GpulabError('hello_missing')
    })
    log.tell(uuid, 'line')
    await eventually(() => expect(linesOf(batches)).toEqual(['line', 'line']))
    expect(missing()).toBe(1)
  })

  it('ends when another agent has taken over', async () => {
    const { log, ended } = start(() => {
      throw new GpulabError('boot_replaced')
    })
    log.tell(uuid, 'line')
    expect(await ended).toMatchObject({ code: 'boot_replaced' })
  })
})
