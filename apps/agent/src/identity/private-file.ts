import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigError } from '../config.ts'

const othersMayWrite = 0o022
const othersMayAnything = 0o077
const keyMaxBytes = 1 << 16

/** Content of a file that only we can read; undefined if there is none. Throws where others can get at it. */
export async function readPrivateFile(path: string, maxBytes = keyMaxBytes): Promise<string | undefined> {
  try {
    const folder = await stat(dirname(path))
    if ((folder.mode & othersMayWrite) !== 0) {
      throw new ConfigError(`Others can write to ${dirname(path)}: chmod 700 ${dirname(path)}`)
    }
    // What is open cannot be exchanged between the look at its mode and the reading.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const { mode, uid, size } = await file.stat()
    if ((mode & othersMayAnything) !== 0) {
      throw new ConfigError(
        `Others can read ${path}, so its key may be known to them. Join again with a new one: remove the file, then gpulab-agent join.`,
      )
    }
    if (uid !== process.geteuid?.()) throw new ConfigError(`${path} belongs to another user`)
    if (size > maxBytes) throw new ConfigError(`${path} is none of ours: it has ${size} bytes`)
    return await file.readFile('utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`${path} cannot be read: ${message}`, { cause: error })
  }
}

/** Writes a file that only we can read: after a crash there is the old one or the new one, whole. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  const folder = dirname(path)
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    {
      await using file = await open(temporary, 'wx', 0o600)
      await file.writeFile(content)
      await file.sync()
    }
    await rename(temporary, path)
    await using opened = await open(folder)
    await opened.sync()
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    throw new ConfigError(`${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}
