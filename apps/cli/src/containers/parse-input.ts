import { GpulabError, type RestartPolicy } from '@gpulab/contract'

const portMax = 65_535

const wrong = (message: string, hint: string): GpulabError =>
  new GpulabError('invalid_request', { message, hint })

/** `A100,RTX 4090`, from one or more flags, in their order. */
export const parseList = (flags: readonly string[]): string[] =>
  flags
    .flatMap((flag) => flag.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '')

export interface PortsInput {
  readonly ports: number[]
  /** Of those that are not public. */
  readonly port_modes: Record<string, 'public' | 'private'>
}

/** `8080,8888:private`, from one or more flags. */
export function parsePorts(flags: readonly string[]): PortsInput {
  const modes = new Map<number, 'public' | 'private'>()
  for (const text of parseList(flags)) {
    const [number = '', mode = 'public', ...rest] = text.split(':')
    const port = Number(number)
    const isPort = /^\d+$/.test(number) && port >= 1 && port <= portMax
    if (!isPort || rest.length > 0 || (mode !== 'public' && mode !== 'private')) {
      throw wrong(
        `"${text}" is not a port.`,
        'Give numbers from 1 to 65535, like 8080,8888; 8888:private is not for everybody.',
      )
    }
    modes.set(port, mode)
  }
  const isPrivate = ([, mode]: [number, string]): boolean => mode === 'private'
  return { ports: [...modes.keys()], port_modes: Object.fromEntries([...modes].filter(isPrivate)) }
}

/** `KEY=VALUE`, split at the first `=`; a bare `KEY` takes the value that it has here. */
export function parseEnvironment(
  flags: readonly string[],
  here: Readonly<Record<string, string | undefined>>,
  flagName = '--env',
): Record<string, string> {
  return Object.fromEntries(
    flags.map((flag) => {
      const at = flag.indexOf('=')
      const key = at === -1 ? flag : flag.slice(0, at)
      const value = at === -1 ? here[key] : flag.slice(at + 1)
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
        throw wrong(
          `"${key}" is not a name for an environment variable.`,
          `Write it like ${flagName} KEY=VALUE.`,
        )
      }
      if (value === undefined) {
        throw wrong(`${key} has no value, and is not set here.`, `Write it like ${flagName} ${key}=VALUE.`)
      }
      return [key, value]
    }),
  )
}

const restartsMax = 1000

/** `no`, `on-failure`, `on-failure:N` or `unless-stopped`, as Docker writes them. */
export function parseRestart(text: string): RestartPolicy {
  const [policy, count, ...rest] = text.split(':')
  if (count === undefined && (policy === 'no' || policy === 'on-failure' || policy === 'unless-stopped')) {
    return { policy, max_retries: null }
  }
  const retries = Number(count)
  const isCount = /^\d+$/.test(count ?? '') && retries >= 1 && retries <= restartsMax
  if (policy === 'on-failure' && isCount && rest.length === 0) return { policy, max_retries: retries }
  throw wrong(
    `"${text}" is not a restart policy.`,
    `Write no, on-failure, on-failure:N (N from 1 to ${restartsMax}) or unless-stopped.`,
  )
}

export interface VolumeInput {
  readonly name: string
  readonly mount_path: string
  readonly read_only: boolean
}

/** `NAME:PATH[:ro]`, or one bare `NAME` with `--mount-path`. */
export function parseVolumes(flags: readonly string[], mountPath: string | undefined): VolumeInput[] {
  const bare = flags.filter((flag) => !flag.includes(':'))
  if (mountPath !== undefined && bare.length !== 1) {
    throw wrong('--mount-path goes with exactly one --volume NAME.', 'For several, write --volume NAME:PATH.')
  }
  return flags.map((flag) => {
    const [name = '', path = mountPath, option, ...rest] = flag.split(':')
    if (
      name === '' ||
      !path?.startsWith('/') ||
      (option !== undefined && option !== 'ro') ||
      rest.length > 0
    ) {
      throw wrong(
        `"${flag}" does not say which volume goes where.`,
        'Write --volume NAME:/PATH, --volume NAME:/PATH:ro, or --volume NAME --mount-path /PATH.',
      )
    }
    return { name, mount_path: path, read_only: option === 'ro' }
  })
}
