import type { LocalImage } from '../docker/host-info.ts'

/** What runs nvidia-smi: it comes from the host, and needs the C library that these have. */
const likely = /ubuntu|debian|cuda|pytorch|tensorflow|jupyter/

/** The smallest image in which nvidia-smi is likely to run, else the smallest; undefined if there is none. */
export const chooseProbeImage = (images: readonly LocalImage[]): string | undefined => {
  const bySize = images.toSorted((left, right) => left.sizeBytes - right.sizeBytes)
  return (bySize.find(({ reference }) => likely.test(reference)) ?? bySize[0])?.reference
}
