import { type Client, type control, GpulabError, type Heartbeat, type Report } from '@gpulab/contract'
import { createFailPoints } from '@gpulab/fail-points'
import { eventually } from '@gpulab/testing'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { systemTiming } from '../clock.ts'
import { createReporter, type Snapshot } from './report.ts'

const bootId = '0d8f3f2e-9a53-4b53-8c39-2f5f0a1e7a10'
const stopping: AbortController[] = []
afterEach(() => stopping.splice(0).forEach((each) => each.abort()))

const snapshot = (targetVersion: number, message: string | null = null): Snapshot => ({
  target_version: targetVersion,
  engine: { available: message === null, version: '1', message },
  containers: [],
})

/** A control plane that answers each message as the test says, and what it got, in brief. */
const start = (answer: (kind: 'report' | 'heartbeat') => void | Promise<void> = () => {}) => {
  const got: string[] = []
  const send = async ({ body }: { body: Report }): Promise<undefined> => {
    got.push(`${body.seq}: v${body.target_version}`)
    await answer('report')
  }
  const heartbeat = async ({ body }: { body: Heartbeat }): Promise<undefined> => {
    got.push(`${body.seq}: as ${body.report_seq}`)
    await answer('heartbeat')
  }
  const missing: string[] = []
  const reporter = createReporter({
    ...systemTiming,
    control: { report: { send, heartbeat } } as unknown as Client<typeof control>,
    bootId,
    failPoint: createFailPoints({}),
    log: pino({ enabled: false }),
    onHelloMissing: () => missing.push('hello'),
  })
  const stop = new AbortController()
  stopping.push(stop)
  const ended = reporter.run(stop.signal).catch((error: unknown) => error)
  const offer = async (each: Snapshot, count = 1): Promise<void> => {
    const before = got.length
    reporter.offer(each)
    await eventually(() => expect(got.length).toBeGreaterThanOrEqual(before + count))
  }
  return { reporter, got, offer, missing, ended }
}

describe('the reporter', () => {
  it('sends a heartbeat while nothing is other than the last report said', async () => {
    const { offer, got } = start()
    await offer(snapshot(1))
    await offer(snapshot(1))
    await offer(snapshot(1))
    await offer(snapshot(2))
    await offer(snapshot(2, 'gone'))
    await offer(snapshot(2, 'gone'))
    expect(got).toEqual(['1: v1', '2: as 1', '3: as 1', '4: v2', '5: v2', '6: as 5'])
  })

  it('sends the whole at once when the control plane needs it', async () => {
    const { offer, got } = start((kind) => {
      if (kind === 'heartbeat') throw new GpulabError('report_needed')
    })
    await offer(snapshot(1))
    await offer(snapshot(1), 2)
    expect(got).toEqual(['1: v1', '2: as 1', '3: v1'])
  })

  it('sends the whole again when nobody knows whether it was taken', async () => {
    let failures = 1
    const { offer, got } = start(() => {
      if (failures-- > 0) throw new GpulabError('outcome_unknown')
    })
    await offer(snapshot(1), 2)
    await offer(snapshot(1))
    expect(got).toEqual(['1: v1', '2: v1', '3: as 2'])
  })

  it('does not count on what an earlier control plane has taken', async () => {
    const { offer, got, reporter } = start()
    await offer(snapshot(1))
    reporter.forget()
    await offer(snapshot(1))
    expect(got).toEqual(['1: v1', '2: v1'])
  })

  it('does not count on a report that was on its way when that was forgotten', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { offer, got, reporter } = start(() => promise)
    await offer(snapshot(1))
    reporter.forget()
    reporter.offer(snapshot(1))
    resolve()
    await eventually(() => expect(got).toEqual(['1: v1', '2: v1']))
  })

  it('asks for a hello where the host is not known, and ends where another agent is', async () => {
    let code: 'hello_missing' | 'boot_replaced' = 'hello_missing'
    const { offer, missing, ended } = start(() => {
      throw new GpulabError(code)
    })
    await offer(snapshot(1))
    await eventually(() => expect(missing).toContain('hello'))
    code = 'boot_replaced'
    expect(await ended).toMatchObject({ code: 'boot_replaced' })
  })
})
