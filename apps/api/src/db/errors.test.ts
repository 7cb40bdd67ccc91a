import { describe, expect, it } from 'vitest'
import { translateDatabaseError } from './errors.ts'

/** As drizzle gives it: what the driver threw is the cause. */
const failure = (code: string): Error =>
  new Error('Failed query', { cause: Object.assign(new Error('reason'), { code }) })

describe('a failure of the database', () => {
  it.for([
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ETIMEDOUT',
    'EAI_AGAIN',
    'CONNECT_TIMEOUT',
    'ANSWER_TIMEOUT',
    'CONNECTION_CLOSED',
    '25006',
    '25P03',
    '40001',
    '40P01',
    '53200',
    '57P01',
    '58030',
  ])('%s passes, and the request may be repeated', (code) => {
    expect(translateDatabaseError(failure(code))).toMatchObject({
      code: 'database_unavailable',
      retryable: true,
      status: 503,
    })
  })

  it('for want of disk says so', () => {
    expect(translateDatabaseError(failure('53100'))).toMatchObject({
      code: 'database_unavailable',
      retryable: true,
      message: "The database's disk is full.",
    })
  })

  it.for(['22P02', '23503', '42703'])('%s is a mistake of ours', (code) => {
    expect(translateDatabaseError(failure(code))).toBeUndefined()
  })
})
