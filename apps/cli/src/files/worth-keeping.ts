import { GpulabError } from '@gpulab/contract'

const worthKeepingBytes = 4 << 20

/** Whether the same copy, asked for again, should go on with what this one leaves after so many bytes. */
export function isWorthKeeping(
  error: unknown,
  { isLeaving }: { readonly isLeaving: boolean },
  bytes: number,
): boolean {
  const isPassing = isLeaving || (error instanceof GpulabError && error.retryable)
  return isPassing && bytes >= worthKeepingBytes
}

/** What is there already is not the beginning of what is copied. */
export class PartDiffers extends Error {}
