import { type ErrorCode, GpulabError } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { reportFailure } from './report-failure.ts'

const plain = { isJson: false, isExec: false }

describe('reportFailure', () => {
  it.each<[ErrorCode, number, number]>([
    ['not_available', 1, 125],
    ['invalid_request', 2, 2],
    ['input_required', 2, 2],
    ['reference_ambiguous', 2, 125],
    ['container_not_found', 3, 125],
    ['api_key_invalid', 4, 125],
    ['scope_missing', 4, 125],
    ['container_not_running', 5, 125],
    ['no_capacity', 6, 125],
    ['api_unreachable', 7, 125],
    ['exec_outcome_unknown', 7, 125],
    ['wait_timeout', 124, 124],
    ['interrupted', 130, 130],
  ])('ends %s with %d, and exec with %d', (code, exitCode, execExitCode) => {
    const error = new GpulabError(code)
    expect(reportFailure(error, plain).exitCode).toBe(exitCode)
    expect(reportFailure(error, { ...plain, isExec: true }).exitCode).toBe(execExitCode)
  })

  it('never repeats the values of flags that exclude each other', () => {
    const message = '--api-key=gpulab_x_secret cannot also be provided when using --api-key-stdin'
    const { text } = reportFailure(Object.assign(new Error(message), { oclif: {} }), plain)
    expect(text).toContain('--api-key cannot also be provided when using --api-key-stdin')
    expect(text).not.toContain('secret')
  })

  it('looks for a wrong address where the path is its own', () => {
    const failure = new GpulabError('route_not_found', { hint: 'The reference is at /docs.' })
    expect(reportFailure(failure, plain).text).toContain('gpulab auth status')
    expect(reportFailure(failure, { ...plain, hasOwnPath: true }).text).toContain('/docs')
  })

  it('speaks of what people have written, not of the request', () => {
    const [field, both] = ['body.host_name: too long', 'body.ttl: at most 24 hours; query.cursor: no']
    const textOf = (message: string) =>
      reportFailure(new GpulabError('invalid_request', { message }), plain).text
    expect(textOf(field)).toMatch(/^gpulab: host name: too long\n/)
    expect(textOf(both)).toMatch(/^gpulab: ttl: at most 24 hours; cursor: no\n/)
    const missing = Object.assign(new Error('Missing required flag for\nSee more help with --help'), {
      oclif: {},
    })
    expect(reportFailure(missing, plain).text).toMatch(/^gpulab: --for is missing\.\n/)
    const two = Object.assign(
      new Error('The following errors occurred:\n  Missing required flag name\n  Missing required flag size'),
      { oclif: {} },
    )
    expect(reportFailure(two, plain).text).toMatch(/^gpulab: --name and --size are missing\.\n/)
  })

  it.each([
    ['body.memory_bytes: Too small: expected number to be >=16777216', 'memory: at least 16 MB'],
    ['body.ttl: Too big: expected number to be <=2592000', 'ttl: at most 30d'],
    ['body.gpu_count: Too big: expected number to be <=64', 'gpu count: at most 64'],
  ])('says of a number that is not allowed which are: %s', (message, text) => {
    expect(reportFailure(new GpulabError('invalid_request', { message }), plain).text).toContain(
      `gpulab: ${text}\n`,
    )
  })

  it('prints one sentence and the next step, both harmless', () => {
    const error = new GpulabError('internal', { message: 'It\u001B[2J broke.', hint: 'Run\nagain.' })
    expect(reportFailure(error, plain).text).toBe('gpulab: It\\u001b[2J broke.\n  Run\\nagain.\n')
  })

  it('prints one JSON object with everything that the server said', () => {
    const error = new GpulabError('no_capacity', { details: { free: 0 }, requestId: 'req_1', hint: 'Wait.' })
    const { text } = reportFailure(error, { isJson: true, isExec: false })
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 'no_capacity',
        message: 'No host has room for this container.',
        hint: 'Wait.',
        details: { free: 0 },
        retryable: true,
        request_id: 'req_1',
        exit_code: 6,
        origin: 'platform',
      },
    })
  })

  it('ends with 1 and a sentence when the mistake is ours', () => {
    const { text, exitCode } = reportFailure(new TypeError('x is undefined'), plain)
    expect(exitCode).toBe(1)
    expect(text).toMatch(
      /^gpulab: gpulab met a problem that it did not expect: x is undefined\n {2}.*--debug/,
    )
  })
})
