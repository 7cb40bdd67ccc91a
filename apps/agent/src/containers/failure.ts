import { EngineError, hasStatus, isLeftover } from '../docker/errors.ts'

export type FailureCode =
  | 'image_not_found'
  | 'image_pull_failed'
  | 'gpu_unavailable'
  | 'gpu_busy'
  | 'gpu_not_leased'
  | 'command_not_startable'
  | 'container_create_failed'
  | 'container_start_failed'
  | 'commit_failed'
  | 'container_lost'
  | 'volume_unavailable'
  | 'deploy_timeout'

/** Why a generation can not be made to run: a fact for the control plane, not an error of a request. */
export class StepFailure extends Error {
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StepFailure'
    this.code = code
  }
}

const gpuTrouble = /nvidia-container-cli|could not select device driver|cdi device|nvml/i
const commandTrouble = /unable to start container process: (?:exec|chdir)|executable file not found|exec: "/i
const userTrouble = /unable to find (?:user|group)|no matching entries in passwd/i
const limitTrouble = /error setting rlimit/i

/** Whether the engine may not raise the limits that it was asked for. */
export const isLimitTrouble = (error: unknown): boolean =>
  error instanceof EngineError && limitTrouble.test(error.message)

/** 404 and 409 are about something that went away or comes meanwhile. */
export const isPermanent = (error: unknown): error is EngineError =>
  error instanceof EngineError && !error.transient && !hasStatus(error, 404, 409) && !isLeftover(error)

/** Whether the host's disk is full, as far as the engine says so. */
export const isDiskFull = (message: string): boolean =>
  /no space left on device|disk quota exceeded/i.test(message)

/** The engine's long chains of "failed to …" end with what matters. */
const lastClause = (message: string): string =>
  message
    .replace(/^.*unable to start container process: /s, '')
    .replace(/^.*stderr: /s, '')
    .replace(/: unknown$/, '')
    .trim()

export function toCreateFailure(error: EngineError): StepFailure {
  return new StepFailure(
    'container_create_failed',
    `The engine refused to create the container: ${error.message}`,
    error,
  )
}

export function toCommitFailure(error: EngineError): StepFailure {
  const reason = isDiskFull(error.message) ? 'the host has no room for a copy of them' : error.message
  return new StepFailure(
    'commit_failed',
    `The container's files could not be saved, to go on with other GPUs: ${reason}. Nothing of them is lost.`,
    error,
  )
}

export function toStartFailure(error: EngineError): StepFailure {
  const clause = lastClause(error.message)
  if (gpuTrouble.test(error.message)) {
    return new StepFailure(
      'gpu_unavailable',
      `The host could not give the container its GPUs: ${clause}`,
      error,
    )
  }
  if (commandTrouble.test(error.message) || userTrouble.test(error.message)) {
    return new StepFailure('command_not_startable', `The command could not be started: ${clause}`, error)
  }
  return new StepFailure(
    'container_start_failed',
    `The engine could not start the container: ${clause}`,
    error,
  )
}
