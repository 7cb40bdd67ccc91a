import { runCommand, tryCommand } from '@gpulab/images'
import { chmod, mkdir, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** A file system of its own at `path`, so that it can be filled without harm to anybody else. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Takes all the room that is left. */
  fill(): Promise<void>
  /** Gives it back. */
  free(): Promise<void>
}

export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk> {
  await mkdir(path, { recursive: true })
  await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path])
  // The users that databases run as have to pass.
  await chmod(path, 0o711)
  const ballast = join(path, 'ballast')
  return {
    path,
    fill: async () => {
      const chunk = Buffer.alloc(64 << 10)
      await using file = await open(ballast, 'a')
      for (let size = chunk.length; size > 0;) {
        const written = await file.write(chunk, 0, size).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error
          return { bytesWritten: 0 }
        })
        // The last bit takes smaller and smaller pieces.
        if (written.bytesWritten < size) size >>= 1
      }
      const { bavail } = await statfs(path)
      if (bavail > 0) throw new Error(`${bavail} blocks are left on ${path}.`)
    },
    free: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: async () => {
      // Whoever used it has ended; what it has mounted there itself may take a moment.
      const { exitCode } = await tryCommand('umount', [path])
      if (exitCode !== 0) await runCommand('umount', ['--lazy', path])
    },
  }
}
