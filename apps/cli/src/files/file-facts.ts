import { GpulabError } from '@gpulab/contract'
import type { FileType } from './target.ts'
import { guest, type Toolbox } from './toolbox.ts'
import { toErrnoFailure } from './describe-errno.ts'

/** Facts of a file of either side. */
export interface FileFacts {
  readonly type: FileType
  readonly mode: number
  readonly sizeBytes: number
  /** Seconds since 1970 with nine decimals. */
  readonly modified: string
}

/** As the guest's file programs print them. */
export function parseFacts(line: string): FileFacts {
  const match = /^(file|directory|link|other) ([0-7]{1,4}) (\d{1,15}) (-?\d{1,15}\.\d{9})$/.exec(line)
  const [, type, mode = '', size = '', modified] = match ?? []
  if (!type || !modified) throw nonsense()
  return {
    type: type as FileType,
    mode: Number.parseInt(mode, 8),
    sizeBytes: Number(size),
    modified,
  }
}

/** "LENGTH SHA256" */
export function parseHash(line: string): { readonly sizeBytes: number; readonly sha256: string } {
  const [, size, sha256] = /^(\d{1,15}) ([0-9a-f]{64})$/.exec(line) ?? []
  if (!size || !sha256) throw nonsense()
  return { sizeBytes: Number(size), sha256 }
}

/** The programs are the tenant's to replace, so anything may come. */
export const nonsense = (): GpulabError =>
  new GpulabError('copy_failed', { message: 'The container gave nonsense for an answer.' })

/** One line for each path: what it leads to, or why that can not be told; before it, whether it is a link itself. */
const probe = `for path do
  if [ -L "$path" ]; then printf 'link '; else printf '. '; fi
  ${guest} stat follow "$path" 2>&1
done`

export interface Probed {
  readonly isLink: boolean
  readonly facts: FileFacts | undefined
}

/** Looks at several paths of a container at once, links followed. What is not there has no facts. */
export async function probePaths(toolbox: Toolbox, paths: readonly string[]): Promise<Probed[]> {
  const { stdout } = await toolbox.shell(probe, paths)
  const lines = stdout.split('\n').slice(0, -1)
  if (lines.length !== paths.length) throw nonsense()
  return lines.map((line, index) => {
    const [, word, answer = ''] = /^(link|\.) (.*)$/.exec(line) ?? []
    if (word === undefined) throw nonsense()
    const isLink = word === 'link'
    if (!/^E[A-Z0-9]+$/.test(answer)) return { isLink, facts: parseFacts(answer) }
    // A target below a file is not there either; which of them is in the way, the rules say.
    if (answer === 'ENOENT' || answer === 'ENOTDIR') return { isLink, facts: undefined }
    throw toErrnoFailure(answer, inContainer(paths[index] ?? ''))
  })
}

export const inContainer = (path: string): string => `${path} in the container`
