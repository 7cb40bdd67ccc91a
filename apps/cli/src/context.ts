import { GpulabError } from '@gpulab/contract'
import type { ApiClient } from './api-client.ts'
import { createOutput, type Output, type Streams } from './output/output.ts'
import { loadProfile, type Profile, type ProfileFlags } from './profile.ts'

/** What every use case gets. */
export interface Context {
  readonly profile: Profile
  readonly output: Output
  /** Aborts with `interrupted` at the first Ctrl-C. */
  readonly signal: AbortSignal
}

/** A context of somebody who has a key. */
export interface ApiContext extends Context {
  readonly api: ApiClient
}

/** Of what `src/hot` runs, which starts without all the other endpoints. */
export interface HotContext extends Context {
  readonly api: Pick<ApiClient, 'containers' | 'exec' | 'sessions'>
}

export interface ContextFlags extends ProfileFlags {
  readonly 'no-color'?: boolean | undefined
}

export interface ContextOptions {
  /** Of a command that has its own meaning of Ctrl-C. */
  readonly interruption?: { readonly signal: AbortSignal } | undefined
  readonly streams?: Streams
}

/** Everything but the API. */
export async function createContext(
  flags: ContextFlags,
  { interruption, streams }: ContextOptions = {},
): Promise<Context> {
  const profile = await loadProfile(flags, process.env)
  const output = createOutput({ mode: profile.mode, noColor: flags['no-color'] ?? false }, streams)
  return { profile, output, signal: interruption?.signal ?? onInterrupt() }
}

/** The second Ctrl-C does not wait for anything. */
function onInterrupt(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => {
    controller.abort(new GpulabError('interrupted'))
    process.once('SIGINT', () => process.exit(130))
  })
  return controller.signal
}
