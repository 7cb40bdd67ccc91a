import { GpulabError } from '@gpulab/contract'
import type { IncomingMessage } from 'node:http'

/** What may be written of a field (RFC 9110, 5.5). */
const fieldText = /^[\t\x20-\x7e\x80-\xff]*$/

type AnswerHead = Pick<IncomingMessage, 'statusCode' | 'statusMessage' | 'rawHeaders'>

/**
 * Throws for the head of a final answer that can not be passed on. Node's parser takes more than its writer, which would
 * throw in the middle, and a 1xx that nobody asked for would have whatever is in front take bytes for something else.
 */
export function checkAnswer({ statusCode = 0, statusMessage = '', rawHeaders }: AnswerHead): void {
  if (statusCode >= 200 && [statusMessage, ...rawHeaders].every((text) => fieldText.test(text))) return
  throw new GpulabError('port_answer_invalid', {
    message: 'The service in the container answers with what is no proper HTTP.',
  })
}

export const switchedUnasked = (): GpulabError =>
  new GpulabError('port_answer_invalid', {
    message: 'The service in the container switches to another protocol without being asked to.',
  })
