/** Why a wish for a volume cannot be carried out: a fact for the control plane, not an error of a request. */
export type VolumeFailureCode =
  | 'no_space'
  | 'volume_lost'
  | 'volume_in_use'
  | 'volume_create_failed'
  | 'not_available'

export class VolumeFailure extends Error {
  readonly code: VolumeFailureCode

  constructor(code: VolumeFailureCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'VolumeFailure'
    this.code = code
  }
}
