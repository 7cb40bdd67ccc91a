import { constants } from 'node:os'

/** The user has asked to leave. */
export class Left extends Error {}

/** The user has asked to leave, and to let the session go on. */
export class Detached extends Error {}

/** A signal to this process said to leave. */
export class Ended extends Error {
  readonly exitCode: number

  constructor(signal: NodeJS.Signals) {
    super(signal)
    this.exitCode = 128 + constants.signals[signal]
  }
}
