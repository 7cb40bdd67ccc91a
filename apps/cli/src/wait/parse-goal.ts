import { GpulabError } from '@gpulab/contract'

/** What is waited for. */
export type Goal =
  | { readonly kind: 'status'; readonly status: 'running' | 'stopped' }
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'log'; readonly pattern: RegExp }

/** Reads `running`, `stopped`, `port:8888` or `log:/regex/` (with the flags i, m, s, u or v after it). */
export function parseGoal(text: string): Goal {
  if (text === 'running' || text === 'stopped') return { kind: 'status', status: text }
  const [, kind, rest = ''] = /^(port|log):(.*)$/s.exec(text) ?? []
  if (kind === 'port') return { kind, port: parsePort(rest) }
  if (kind === 'log') return { kind, pattern: parsePattern(rest) }
  throw invalid(`"${text}" is nothing that can be waited for.`)
}

/** As errors and the answer name it. */
export function describeGoal(goal: Goal): string {
  switch (goal.kind) {
    case 'status':
      return goal.status
    case 'port':
      return `port:${goal.port}`
    case 'log':
      return `log:${goal.pattern}`
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw invalid(`"${text}" is not a port.`)
}

function parsePattern(text: string): RegExp {
  const [, source, flags] = /^\/(.+)\/([imsuv]*)$/s.exec(text) ?? []
  if (source === undefined) throw invalid(`"${text}" is not a regular expression between slashes.`)
  try {
    return new RegExp(source, flags)
  } catch (cause) {
    throw invalid(`"${text}" is not a regular expression: ${(cause as Error).message}.`)
  }
}

const invalid = (message: string): GpulabError =>
  new GpulabError('invalid_request', {
    message,
    hint: 'Write --for running, --for stopped, --for port:8888 or --for "log:/ready/".',
  })
