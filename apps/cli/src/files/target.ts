import { GpulabError } from '@gpulab/contract'
import { posix } from 'node:path'
import type { NamedPath } from './place.ts'

/** What a path leads to; `link` only where links are not followed. */
export type FileType = 'file' | 'directory' | 'link' | 'other'

export interface Source {
  readonly type: FileType | 'stream'
  readonly name: string
  /** Of a folder: what is in it, not itself. */
  readonly wantsContents: boolean
}

/** What is there now, links followed: the target, its parent, and the source's name in the target. */
export interface TargetFacts {
  readonly own: FileType | undefined
  readonly parent: FileType | undefined
  readonly inside: FileType | undefined
}

/** Where the copy goes: what has to be made first, the folder, and the name in there. */
export interface Target {
  readonly folder: string
  /** None: into the folder itself, beside what is there. */
  readonly name: string | undefined
  /** There is a folder of the name, which takes what comes beside what it has. */
  readonly isMerge: boolean
  /** Made with its parents if it is not there. */
  readonly makes: string | undefined
}

export interface TargetRequest {
  readonly source: Source
  readonly target: NamedPath
  readonly facts: TargetFacts
  /** `-p` */
  readonly parents: boolean
}

/** Docker's rules for `cp`. Throws what a user has to change. */
export function decideTarget({ source, target, facts, parents }: TargetRequest): Target {
  const { path } = target
  if (facts.own === 'directory') return decideInside(source, path, facts.inside)
  if (facts.own !== undefined) return decideOver(source, target, facts.own)
  const isFolderNamed = target.endsWithSlash || target.wantsContents
  if (source.type === 'stream' || (source.type !== 'directory' && isFolderNamed)) {
    if (!parents) {
      throw new GpulabError('path_not_found', {
        message: `The folder ${path} is not there.`,
        hint: 'Make it first, or let -p make it.',
      })
    }
    const name = source.type === 'stream' ? undefined : source.name
    return { folder: path, name, isMerge: name === undefined, makes: path }
  }
  const folder = posix.dirname(path)
  if (facts.parent === undefined && !parents) {
    throw new GpulabError('path_not_found', {
      message: `The folder ${folder} is not there.`,
      hint: 'Make it first, or let -p make it.',
    })
  }
  if (facts.parent !== undefined && facts.parent !== 'directory') throw notFolder(folder)
  const makes = facts.parent === undefined ? folder : undefined
  return { folder, name: posix.basename(path), isMerge: false, makes }
}

function decideInside(source: Source, path: string, inside: FileType | undefined): Target {
  if (source.type === 'stream' || (source.type === 'directory' && source.wantsContents)) {
    return { folder: path, name: undefined, isMerge: true, makes: undefined }
  }
  const place = posix.join(path, source.name)
  const isFolder = source.type === 'directory'
  if (inside === 'directory' && !isFolder) throw notOverFolder(place)
  if (inside !== undefined && inside !== 'directory' && isFolder) throw notFolder(place)
  if (isFolder && inside === 'directory')
    return { folder: place, name: undefined, isMerge: true, makes: undefined }
  return { folder: path, name: source.name, isMerge: false, makes: undefined }
}

function decideOver(source: Source, { path, endsWithSlash }: NamedPath, own: FileType): Target {
  if (own === 'other') {
    throw new GpulabError('path_conflict', {
      message: `${path} is neither a file nor a folder, and is not replaced.`,
      hint: 'Choose another target; - gives an archive on standard output.',
    })
  }
  if (source.type === 'directory' || source.type === 'stream' || endsWithSlash) throw notFolder(path)
  return { folder: posix.dirname(path), name: posix.basename(path), isMerge: false, makes: undefined }
}

const notFolder = (path: string): GpulabError =>
  new GpulabError('path_conflict', {
    message: `${path} is not a folder.`,
    hint: 'Choose another target, or remove it first.',
  })

const notOverFolder = (path: string): GpulabError =>
  new GpulabError('path_conflict', {
    message: `${path} is a folder, and a file cannot take its place.`,
    hint: 'Choose another target, or remove it first.',
  })
