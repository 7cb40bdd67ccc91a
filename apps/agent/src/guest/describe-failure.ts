import type { EndingFailure } from '@gpulab/guest'
import { constants } from 'node:os'
import { getSystemErrorMessage } from 'node:util'

/** What a shell would say of a program that could not be run. */
export function describeFailure(
  { what, code }: EndingFailure,
  { program, workdir }: { readonly program: string; readonly workdir: string | undefined },
): string {
  switch (what) {
    case 'exec':
      return code === 'ENOENT' && !program.includes('/')
        ? `${program}: executable file not found in $PATH`
        : `${program}: ${describeErrno(code)}`
    case 'cwd':
      return `${workdir ?? 'its directory'}: ${describeErrno(code)}`
    case 'fork':
      return code === 'EAGAIN'
        ? "the container's limit of processes is reached"
        : `no process could be made: ${describeErrno(code)}`
    case 'supervisor':
      return 'somebody in the container has killed the process that watched over the command'
    case 'dial':
      return describeErrno(code)
  }
}

/** Not among the errors that Node has words for. */
const more: Readonly<Record<string, string>> = { ENOEXEC: 'exec format error' }

function describeErrno(code: string): string {
  const number = (constants.errno as Readonly<Record<string, number>>)[code]
  return more[code] ?? (number === undefined ? code : getSystemErrorMessage(-number))
}
