const mib = 2 ** 20
const logBytes = 64 * mib
const tablesBytes = 32 * mib
const block = mib

/** Of xfs as the image driver makes it; a larger one is not needed however large the volume is. */
export const logSize = `${logBytes / mib}m`

/**
 * The size of the image whose file system lets a user store `sizeBytes`: beside them it needs its log, and tables that
 * grow with it. Measured with xfsprogs 6.1, from 256 MiB to 100 GiB.
 */
export const toImageBytes = (sizeBytes: number): number =>
  Math.ceil((sizeBytes * 1.01 + logBytes + tablesBytes) / block) * block
