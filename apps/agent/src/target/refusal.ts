import { GpulabError } from '@gpulab/contract'

const hasCode = (error: unknown, code: GpulabError['code']): boolean =>
  error instanceof GpulabError && error.code === code

/** Another run of the agent has taken over. */
export const isReplaced = (error: unknown): boolean => hasCode(error, 'boot_replaced')

/** The control plane does not know this host any more: its database is another one. */
export const isHelloMissing = (error: unknown): boolean => hasCode(error, 'hello_missing')

/** It does not have the report that a heartbeat was about. */
export const isReportNeeded = (error: unknown): boolean => hasCode(error, 'report_needed')

/** It will refuse the very same again. A token may be put right meanwhile, so that is no such refusal. */
export const isRefused = (error: unknown): boolean =>
  error instanceof GpulabError &&
  !error.retryable &&
  (error.code === 'answer_invalid' || (error.status >= 400 && error.status < 500)) &&
  ![401, 403, 404].includes(error.status) &&
  !isReplaced(error)
