import { eventually } from '@gpulab/testing'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost
let asked = 0
/** A registry that knows no image, and for some does not even say so. */
const registry = createServer(({ url = '' }, response) => {
  if (url.includes('/slow/')) {
    asked++
    return
  }
  const isKnown = url === '/v2/'
  if (url.includes('/full/')) {
    response.writeHead(503, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors: [{ code: 'UNAVAILABLE', message: 'a secret\0' }] }))
    return
  }
  const errors = [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }]
  response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(isKnown ? {} : { errors }))
})
const image = (name: string) => `127.0.0.1:${(registry.address() as AddressInfo).port}/${name}`

beforeAll(async () => {
  registry.listen(0, '127.0.0.1')
  await once(registry, 'listening')
  host = await startTestHost({ GPULAB_DEPLOY_TIMEOUT: '10' })
})
afterAll(async () => {
  registry.closeAllConnections()
  registry.close()
  await host[Symbol.asyncDispose]()
})

describe('an image', () => {
  it('that the registry does not have is told in a sentence', async () => {
    const wanted = host.wish({ image: image('none:1') })
    host.control.want(wanted)
    const facts = await host.control.settled(wanted.uuid)
    expect(facts).toMatchObject({ state: 'absent', failure: { code: 'image_not_found' } })
    expect(facts?.failure?.message).toContain(`${image('none:1')} does not exist or needs a login`)
    host.control.want({ ...wanted, desired: 'absent' })
    expect(await host.control.settled(wanted.uuid)).toBeUndefined()
  })

  // Told from those that fail at once by what is said: the time is up after 10 s.
  const fail = async (name: string) => {
    const wanted = host.wish({ image: name })
    host.control.want(wanted)
    const facts = await host.control.settled(wanted.uuid, 60_000)
    host.control.want({ ...wanted, desired: 'absent' })
    expect(await host.control.settled(wanted.uuid)).toBeUndefined()
    return facts?.failure
  }

  it('of a registry that refuses connections fails at once', async () => {
    const failure = await fail('127.0.0.1:1/none:1')
    expect(failure).toMatchObject({ code: 'image_pull_failed' })
    expect(failure?.message).toMatch(/registry may not be reachable/)
  })

  it('of a registry that is not well fails without what the registry says', async () => {
    const failure = await fail(image('full/x:1'))
    expect(failure).toMatchObject({ code: 'image_pull_failed' })
    expect(failure?.message).not.toContain('secret')
  })

  it('that does not come is given up in the end', async () => {
    expect(await fail(image('slow/y:1'))).toMatchObject({ code: 'deploy_timeout', attempt: 1 })
    asked = 0
  })

  it('is pulled once for all who want it, and given up when nobody does any more', async () => {
    const wishes = [host.wish({ image: image('slow/x:1') }), host.wish({ image: image('slow/x:1') })]
    host.control.want(...wishes)
    await eventually(() => expect(asked).toBe(1))
    await eventually(() => {
      const report = host.control.reports.at(-1)
      expect(report?.containers.map(({ state, busy }) => [state, busy])).toEqual([
        ['pulling', true],
        ['pulling', true],
      ])
    })
    for (const wanted of wishes) host.control.want({ ...wanted, desired: 'absent' })
    for (const { uuid } of wishes) expect(await host.control.settled(uuid)).toBeUndefined()
    expect(asked).toBe(1)

    const [again] = wishes
    if (again) host.control.want({ ...again, generation: 2 })
    await eventually(() => expect(asked).toBe(2))
    expect(host.control.reports.at(-1)?.containers.every(({ failure }) => failure === null)).toBe(true)
    if (again) host.control.want({ ...again, desired: 'absent' })
    await host.control.settled(again?.uuid ?? '')
  })
})
