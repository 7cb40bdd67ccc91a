import { isLoopback, reasonOf, requireSecureUrl } from '@gpulab/transport'
import { once } from 'node:events'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { ApiFacts } from './facts.ts'

const answerMs = 5_000
/** An HTTP date has no fractions: on the average it is half a second late. */
const dateErrorMs = 500

/** Whether the control plane answers, under the rules that the agent keeps, and how far its clock is from ours. */
export async function probeApi(url: string, insecure: boolean): Promise<ApiFacts> {
  const parsed = url.startsWith('unix:') ? undefined : URL.parse(url)
  const plain = parsed?.protocol === 'http:' && !isLoopback(parsed.hostname)
  try {
    requireSecureUrl(url, insecure)
    const sentAt = Date.now()
    const { statusCode = 0, headers } = await askHealth(url)
    const clockOffsetMs = toOffset(headers.date, (sentAt + Date.now()) / 2)
    return { url, plain, answer: { status: statusCode, clockOffsetMs } }
  } catch (cause) {
    return { url, plain, answer: { error: `${url} does not answer: ${reasonOf(cause)}.` } }
  }
}

async function askHealth(url: string): Promise<IncomingMessage> {
  const request = toRequest(url, AbortSignal.timeout(answerMs))
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  return response
}

function toRequest(url: string, signal: AbortSignal): ClientRequest {
  const options = { signal, agent: false }
  if (url.startsWith('unix:')) {
    return http.request({ ...options, socketPath: url.slice('unix:'.length), path: '/healthz' })
  }
  const health = new URL(`${url.replace(/\/$/, '')}/healthz`)
  return (health.protocol === 'https:' ? https : http).request(health, options)
}

function toOffset(date: string | undefined, now: number): number | undefined {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : Math.round(now - (time + dateErrorMs))
}
