import { statfs } from 'node:fs/promises'
import { describeSize } from '@gpulab/contract'
import { VolumeFailure } from '../failure.ts'

/** Left to the host: without room it can not even write its own state. */
const reserveBytes = 512 << 20

/** Throws where a folder's file system has not so much room to give away. */
export async function requireRoom(folder: string, wantedBytes: number): Promise<void> {
  const freeBytes = await readFree(folder)
  if (wantedBytes > freeBytes) throw noSpace(freeBytes)
}

export async function readFree(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return Math.max(0, bavail * bsize - reserveBytes)
}

export const noSpace = (freeBytes: number): VolumeFailure =>
  new VolumeFailure(
    'no_space',
    `The host has ${describeSize(freeBytes, 'down')} of disk space free for volumes.`,
  )
