import { Command } from '@oclif/core/command'
import { boolean, string } from '@oclif/core/flags'
import type { Interfaces } from '@oclif/core'
import { GpulabError } from '@gpulab/contract'
import { type ApiClient, createApiClient } from './api-client.ts'
import { createOutput, type Mode, type Output } from './output/output.ts'
import { reportFailure } from './output/report-failure.ts'
import { followIds } from './route.ts'
import { guessMode, loadProfile, type Profile, type ProfileFlags } from './profile.ts'

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

export type GlobalFlags = Interfaces.InferredFlags<typeof BaseCommand.baseFlags>
export type BaseCommandClass = (new (...args: ConstructorParameters<typeof Command>) => BaseCommand) &
  typeof BaseCommand

const group = { helpGroup: 'GLOBAL' }

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: boolean({ ...group, summary: 'Print JSON.' }),
    quiet: boolean({ ...group, char: 'q', summary: 'Print only ids.' }),
    'no-color': boolean({ ...group, summary: 'Print without colors.' }),
    'api-key': string({ ...group, summary: 'Use this API key (better: GPULAB_API_KEY).', helpValue: 'KEY' }),
    'api-url': string({ ...group, summary: 'Use the API at this URL.', helpValue: 'URL' }),
    timeout: string({ ...group, summary: 'Give up on a request after this time (30s).', helpValue: 'TIME' }),
    debug: boolean({ ...group, summary: 'Show requests and answers on standard error.' }),
    insecure: boolean({ ...group, summary: 'Allow plain http to other machines.' }),
  }

  static override flags = {}

  private mode: Mode | undefined

  /** Everything but the API. */
  protected async context(
    flags: GlobalFlags & ProfileFlags,
    interruption?: { readonly signal: AbortSignal },
  ): Promise<Context> {
    const profile = await loadProfile(flags, process.env)
    this.mode = profile.mode
    const output = createOutput({ mode: profile.mode, noColor: flags['no-color'] ?? false })
    return { profile, output, signal: interruption?.signal ?? onInterrupt() }
  }

  /** `interruption`: of a command that has its own meaning of Ctrl-C. */
  protected async apiContext(
    flags: GlobalFlags & ProfileFlags,
    interruption?: { readonly signal: AbortSignal },
  ): Promise<ApiContext> {
    const context = await this.context(flags, interruption)
    const { profile } = context
    if (!profile.apiKey) throw keyMissing()
    return { ...context, api: createApiClient({ ...profile, apiKey: profile.apiKey }) }
  }

  override async catch(error: Error): Promise<void> {
    const mode = this.mode ?? (await guessMode(this.argv, process.env))
    const { text, exitCode } = reportFailure(error, {
      isJson: mode === 'json',
      isExec: followIds.has(this.id ?? ''),
    })
    process.stderr.write(text)
    process.exitCode = exitCode
  }
}

export const keyMissing = (): GpulabError =>
  new GpulabError('api_key_missing', {
    message: 'You are not logged in.',
    hint: 'Run gpulab auth login, or set GPULAB_API_KEY.',
  })

/** The second Ctrl-C does not wait for anything. */
function onInterrupt(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => {
    controller.abort(new GpulabError('interrupted'))
    process.once('SIGINT', () => process.exit(130))
  })
  return controller.signal
}
