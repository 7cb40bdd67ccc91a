import { readFile } from 'node:fs/promises'

export interface Mount {
  /** Major and minor number of the device. */
  readonly device: string
  readonly target: string
  readonly type: string
  readonly source: string
  /** Whether what is mounted below it appears in other views of mounts that have it. */
  readonly isShared: boolean
}

/** The mounts of this process's view, the last of one place on top: see proc_pid_mountinfo(5). */
export function parseMountTable(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [head = '', tail = ''] = line.split(' - ')
    const [, , device, , target, , ...facts] = head.split(' ')
    const [type, source] = tail.split(' ')
    if (device === undefined || target === undefined || type === undefined || source === undefined) return []
    const isShared = facts.some((fact) => fact.startsWith('shared:'))
    return [{ device, target: unescape(target), type, source: unescape(source), isShared }]
  })
}

/** The kernel writes blanks and the like as octal numbers. */
const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)))

/** What is mounted there, on top of whatever is below it. */
export async function findMount(target: string): Promise<Mount | undefined> {
  return (await readMounts()).findLast((mount) => mount.target === target)
}

/** Never asks a file system, which may not answer. */
export const readMounts = async (): Promise<Mount[]> =>
  parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'))
