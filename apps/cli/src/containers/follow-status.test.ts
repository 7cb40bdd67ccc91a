import type { Container, Event, Transport } from '@gpulab/contract'
import { api, createClient, GpulabError } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { sampleContainer } from '../../test/samples.ts'
import type { ApiContext } from '../context.ts'
import { createOutput } from '../output/output.ts'
import { loadProfile } from '../profile.ts'
import { followStatus } from './follow-status.ts'

const since = '2026-03-01T10:00:00.000Z'
const accepted = sampleContainer({ status: 'restarting', since })
const bytes = (lines: readonly unknown[]): AsyncIterable<Uint8Array> =>
  (async function* () {
    yield new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  })()
const event = (status: string, at: string, cursor: string): Event => ({
  cursor,
  at,
  container_uuid: accepted.uuid,
  type: 'status',
  status,
  reason: null,
  message: status,
})

/** An API whose event streams and looks at the container give one prepared answer after the other. */
async function createContext(streams: Event[][], looks: (Partial<Container> | GpulabError)[]) {
  const cursors: (string | null)[] = []
  const transport: Transport = {
    connect: () => Promise.reject(new Error('not used')),
    request: async ({ path }) => {
      const url = new URL(path, 'http://api')
      if (url.pathname.endsWith('/events')) {
        cursors.push(url.searchParams.get('cursor'))
        return { status: 200, body: bytes(streams.shift() ?? []) }
      }
      const look = looks.shift()
      if (look instanceof GpulabError) throw look
      return { status: 200, body: bytes([sampleContainer(look)]) }
    },
  }
  const context: ApiContext = {
    api: createClient(api, transport),
    profile: await loadProfile({}, { HOME: '/nonexistent' }),
    output: createOutput({ mode: 'json', noColor: true }),
    signal: new AbortController().signal,
  }
  return { context, cursors }
}

const later = '2026-03-01T10:00:09.000Z'
const options = { goal: 'running', timeoutMs: 5000 } as const

describe('followStatus', () => {
  it('does not take what was before for the answer', async () => {
    const old = event('running', '2026-03-01T09:00:00.000Z', '1')
    const { context } = await createContext([[old, event('running', later, '2')]], [{ generation: 2 }])
    expect(await followStatus(context, accepted, options)).toMatchObject({ generation: 2 })
  })

  it('looks again when a look or the stream failed in passing', async () => {
    const { context, cursors } = await createContext(
      [[event('restarting', later, '1')], [event('running', later, '2')], [event('running', later, '2')]],
      [
        { status: 'restarting' },
        { status: 'restarting' },
        new GpulabError('api_unreachable'),
        { generation: 3 },
      ],
    )
    expect(await followStatus(context, accepted, options)).toMatchObject({ generation: 3 })
    expect(cursors).toEqual([null, '1', '1'])
  })

  it('ends when the container is deleted under it', async () => {
    const { context } = await createContext([[]], [new GpulabError('container_not_found')])
    await expect(followStatus(context, accepted, options)).rejects.toMatchObject({
      code: 'container_not_found',
      message: 'Container my-training-job was deleted.',
    })
  })

  it.each([
    ['running', 'failed', 'container_failed'],
    ['running', 'deleting', 'container_failed'],
    ['stopped', 'failed', 'container_failed'],
    ['stopped', 'deleting', 'container_failed'],
    ['stopped', 'running', 'container_wrong_state'],
    ['stopped', 'queued', 'container_wrong_state'],
  ] as const)('that waits for %s ends at %s', async (goal, status, code) => {
    const { context } = await createContext([[event(status, later, '1')]], [{ status }])
    await expect(followStatus(context, accepted, { ...options, goal })).rejects.toMatchObject({ code })
  })

  it('looks at each change, and at nothing else', async () => {
    const log = { ...event('', later, '1'), type: 'deploy_log', status: null, message: 'pulling' }
    const queue = { position: 1, reason: 'No card is free.' }
    const seen: unknown[] = []
    const { context } = await createContext(
      [[log, event('queued', later, '2'), event('moved', later, '3'), event('running', later, '4')]],
      [{ status: 'queued', queue }, { status: 'moved', queue: null }, {}],
    )
    await followStatus(context, accepted, {
      ...options,
      onEvent: ({ message }) => seen.push(message),
      onLook: ({ status }) => seen.push(`is ${status}`),
    })
    expect(seen).toEqual(['pulling', 'queued', 'is queued', 'moved', 'is moved', 'running', 'is running'])
  })

  it('is not disturbed by what a newer API says besides', async () => {
    const newer = { phase_of_moon: 'full', queue: { position: 1, reason: 'x', since: 1 }, status: 'dreaming' }
    const { context } = await createContext(
      [[{ ...event('dreaming', later, '1'), mood: 'good' } as Event, event('running', later, '2')]],
      [newer, { status: 'running' }],
    )
    expect(await followStatus(context, accepted, options)).toMatchObject({ status: 'running' })
  })

  it('takes a job that has ended well for one that has run, and one that has not for a failure', async () => {
    const ended = { status: 'stopped', exit_code: 0 }
    const { context } = await createContext([[event('stopped', later, '1')]], [ended])
    expect(await followStatus(context, accepted, options)).toMatchObject(ended)
    const crashed = await createContext([[event('stopped', later, '1')]], [{ ...ended, exit_code: 1 }])
    await expect(followStatus(crashed.context, accepted, options)).rejects.toMatchObject({
      code: 'container_failed',
    })
  })
})
