import { GpulabError, type Host } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { startProgress } from '../output/spinner.ts'
import { resumeStream } from '../resume-stream.ts'
import { withDeadline } from '../with-deadline.ts'

/** The host once it has proven that nothing runs on it any more. Ends at once where another operator wants otherwise. */
export async function waitUntilDrained(context: ApiContext, drained: Host, timeoutMs: number): Promise<Host> {
  let latest = drained
  const progress = await startProgress(context.output, progressOf(drained))
  try {
    return await withDeadline(
      context,
      { timeoutMs, toError: () => timedOut(latest, timeoutMs) },
      async (timed) => {
        for await (const { host } of watch(timed, drained.uuid)) {
          latest = host
          requireDraining(host)
          if (leftOn(host).length === 0) return host
          progress.update(progressOf(host))
        }
        throw new GpulabError('internal', { message: 'The stream of the host has an end.' })
      },
    )
  } catch (error) {
    throw error instanceof GpulabError && error.code === 'interrupted' ? leave(latest) : error
  } finally {
    progress.stop()
  }
}

interface Step {
  readonly cursor: undefined
  readonly host: Host
}

/** Each look is the whole truth, so after a cut there is nothing to go back to; the deadline bounds how long it lasts. */
function watch({ api, signal }: ApiContext, uuid: string): AsyncGenerator<Step> {
  const open = async (): Promise<AsyncIterable<Step>> => {
    const hosts = await api.hosts.watch({ params: { uuid } }, { signal })
    return (async function* () {
      for await (const host of hosts) yield { cursor: undefined, host }
      // Removed, which the next look tells; or a server has stopped.
      throw new GpulabError('api_unreachable', { message: 'The API ended the stream of the host.' })
    })()
  }
  return resumeStream(open, { signal, attemptsMax: Number.POSITIVE_INFINITY })
}

const leftOn = ({ containers }: Host): string[] =>
  containers.filter(({ at_rest: isAtRest }) => !isAtRest).map(({ name }) => name)

function requireDraining({ uuid, name, state }: Host): void {
  if (state !== 'active' && state !== 'cordoned' && state !== 'fenced') return
  throw new GpulabError('host_wrong_state', {
    message: `Host ${name} is ${state}: another operator has changed that meanwhile.`,
    hint: `gpulab hosts inspect ${name} shows what happened to it.`,
    details: { uuid, name, state },
  })
}

const progressOf = (host: Host): string => escapeText(`Draining ${host.name}: ${countOf(leftOn(host))}`)

const countOf = (left: readonly string[]): string =>
  left.length === 1 ? '1 container is left' : `${left.length} containers are left`

const shownMax = 10

function timedOut(host: Host, timeoutMs: number): GpulabError {
  const { uuid, name, state } = host
  const left = leftOn(host)
  const shown = left.length > shownMax ? [...left.slice(0, shownMax), '…'] : left
  return new GpulabError('wait_timeout', {
    message: `Host ${name} was not drained within ${timeoutMs / 1000} s: ${countOf(left)} (${shown.join(', ')}).`,
    hint:
      state === 'unreachable'
        ? `It is silent: bring it back; or, if it is off for good, gpulab hosts fence ${name}.`
        : `It goes on: see gpulab hosts inspect ${name}, or wait longer with --wait-timeout.`,
    details: { uuid, name, state, left },
  })
}

/** Ctrl-C ends the wait only. */
const leave = (host: Host): GpulabError =>
  new GpulabError('interrupted', {
    message: `Interrupted; draining ${host.name} goes on, and ${countOf(leftOn(host))}.`,
    hint: `gpulab hosts inspect ${host.name} shows them; gpulab hosts uncordon ${host.name} lets it take work again.`,
    details: { uuid: host.uuid, name: host.name, state: host.state },
  })
