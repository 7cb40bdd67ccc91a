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

export const lost = (uuid: string): VolumeFailure =>
  new VolumeFailure(
    'volume_lost',
    `The volume ${uuid} was on this host and is gone from it. It is not made anew, as what was in it would be missing.`,
  )
