import { lstatSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { toErrnoFailure, toLocalFailure } from './describe-errno.ts'

/**
 * Moves what is in a folder into another on the same file system: each file and each new folder in one step, folders that
 * are there already entry by entry. Nothing is moved where a folder would have to take a file's place, or the reverse.
 * Paths are strings of bytes.
 */
export function mergeFolder(from: string, to: string): void {
  check(from, to)
  move(from, to)
}

const list = (path: string): string[] => readdirSync(toPath(path), 'latin1')

function check(from: string, to: string): void {
  for (const name of list(from)) {
    const [entry, old] = [isFolder(`${from}/${name}`), isFolder(`${to}/${name}`)]
    if (old === undefined) continue
    if (entry !== old) throw toErrnoFailure(old ? 'EISDIR' : 'ENOTDIR', toText(`${to}/${name}`))
    if (entry) check(`${from}/${name}`, `${to}/${name}`)
  }
}

function move(from: string, to: string): void {
  for (const name of list(from)) {
    const [source, target] = [`${from}/${name}`, `${to}/${name}`]
    if (isFolder(source) && isFolder(target)) {
      move(source, target)
      rmdirSync(toPath(source))
      continue
    }
    try {
      renameSync(toPath(source), toPath(target))
    } catch (error) {
      throw toLocalFailure(error, toText(target))
    }
  }
}

/** A link to a folder is none. Undefined: there is nothing. */
const isFolder = (path: string): boolean | undefined =>
  lstatSync(toPath(path), { throwIfNoEntry: false })?.isDirectory()

const toPath = (path: string): Buffer => Buffer.from(path, 'latin1')
const toText = (path: string): string => toPath(path).toString()
