import { type ErrorCode, GpulabError } from '@gpulab/contract'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { getHost } from '../routes/read-route.ts'
import { toAnswer } from './answer-failure.ts'

const browser = 'text/html,application/xhtml+xml,*/*;q=0.8'
const requestId = 'req_123'

const stopped = (status: string, reason: string | null): GpulabError => {
  try {
    getHost({ status, reason, host: null, ports: {} })
  } catch (error) {
    return error as GpulabError
  }
  throw new Error('It runs')
}
const of = (code: ErrorCode): GpulabError => new GpulabError(code, { message: 'Why.', hint: 'What next.' })

describe('what is in the way', () => {
  it.each([
    ['container_not_found', 404, 'No such container', false, of('container_not_found')],
    ['port_not_found', 404, 'No such port', false, of('port_not_found')],
    ['container_not_running', 409, 'Not running', false, stopped('stopped', null)],
    ['container_not_running', 409, 'Not running', true, stopped('starting', null)],
    ['host_unreachable', 503, 'The host does not answer', true, stopped('unreachable', null)],
    ['host_unreachable', 503, 'The host does not answer', true, of('host_unreachable')],
    ['port_closed', 502, 'Nothing answers on this port yet', true, of('port_closed')],
    ['port_private', 401, 'This port is private', false, of('port_private')],
    ['origin_refused', 403, 'Not from this site', false, of('origin_refused')],
    ['port_answer_invalid', 502, 'No proper answer', false, of('port_answer_invalid')],
    ['port_answer_timeout', 504, 'No answer in time', false, of('port_answer_timeout')],
    ['rate_limited', 429, 'Too much at once', true, of('rate_limited')],
  ] as const)(
    '(%s, %i) is a page to browsers and the envelope to others',
    (code, status, title, retries, failure) => {
      const page = toAnswer(failure, browser, requestId)
      expect(page).toMatchObject({ status, headers: { 'content-type': 'text/html; charset=utf-8' } })
      expect(page.body).toContain(`<h1>${title}</h1>`)
      expect(page.body).toContain(failure.message)
      expect(page.body).toContain(code)
      expect(page.body).toContain(requestId)
      expect(page.body.includes('http-equiv="refresh"')).toBe(retries)
      expect('retry-after' in page.headers).toBe(retries)
      for (const accept of [undefined, '*/*', 'application/json']) {
        const answer = toAnswer(failure, accept, requestId)
        expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/json' } })
        expect(JSON.parse(answer.body)).toMatchObject({ error: { code, request_id: requestId } })
      }
    },
  )

  it('tells whoever knows the address the status of a container, and not why', () => {
    for (const status of ['failed', 'unreachable', 'queued']) {
      const failure = stopped(status, 'The image r.io/team/secret does not exist.')
      for (const accept of [browser, undefined])
        expect(toAnswer(failure, accept, requestId).body).not.toContain('secret')
    }
    expect(toAnswer(stopped('failed', null), browser, requestId).body).toContain('The container is failed.')
  })

  it('runs nothing and loads nothing, whatever it tells', () => {
    const hostile = new GpulabError('port_closed', {
      message: '<script>alert(1)</script>',
      hint: '"><img src=x>',
    })
    const { body, headers } = toAnswer(hostile, browser, requestId)
    expect(body).not.toMatch(/<(script|img|link|a|form|iframe)\b/)
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(body) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; /)
    expect(headers['content-security-policy']).toContain(`style-src 'sha256-${hash}'`)
  })
})
