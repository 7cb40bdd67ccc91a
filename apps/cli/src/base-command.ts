import { Command } from '@oclif/core/command'
import { boolean, string } from '@oclif/core/flags'
import type { Interfaces } from '@oclif/core'
import { withApi } from './api-context.ts'
import { type ApiContext, type Context, createContext } from './context.ts'
import type { Mode } from './output/output.ts'
import { reportFailure } from './output/report-failure.ts'
import { guessMode, type ProfileFlags } from './profile.ts'
import { followIds } from './route.ts'

export type { ApiContext, Context } from './context.ts'

export type GlobalFlags = Interfaces.InferredFlags<typeof BaseCommand.baseFlags>
export type BaseCommandClass = (new (...args: ConstructorParameters<typeof Command>) => BaseCommand) &
  typeof BaseCommand

const group = { helpGroup: 'GLOBAL' }

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: boolean({ ...group, summary: 'Print JSON.' }),
    quiet: boolean({ ...group, char: 'q', summary: 'Print only ids, or the bare value.' }),
    'no-color': boolean({ ...group, summary: 'Print without colors.' }),
    'api-key': string({ ...group, summary: 'Use this API key (better: GPULAB_API_KEY).', helpValue: 'KEY' }),
    'api-url': string({ ...group, summary: 'Use the API at this URL.', helpValue: 'URL' }),
    profile: string({
      ...group,
      summary: 'Use the key and the API of this profile (GPULAB_PROFILE).',
      helpValue: 'NAME',
    }),
    timeout: string({ ...group, summary: 'Give up on a request after this time (30s).', helpValue: 'TIME' }),
    debug: boolean({ ...group, summary: 'Show requests and answers on standard error.' }),
    insecure: boolean({ ...group, summary: 'Allow plain http to other machines.' }),
  }

  static override flags = {}

  /** The next step for whoever leaves out an argument, where the help is not the nearest. */
  static readonly ifMissing: string | undefined = undefined

  private mode: Mode | undefined

  /** Everything but the API. */
  protected async context(
    flags: GlobalFlags & ProfileFlags,
    interruption?: { readonly signal: AbortSignal },
  ): Promise<Context> {
    const context = await createContext(flags, { interruption })
    this.mode = context.profile.mode
    return context
  }

  /** `interruption`: of a command that has its own meaning of Ctrl-C. */
  protected async apiContext(
    flags: GlobalFlags & ProfileFlags,
    interruption?: { readonly signal: AbortSignal },
  ): Promise<ApiContext> {
    return withApi(await this.context(flags, interruption))
  }

  override async catch(error: Error): Promise<void> {
    const mode = this.mode ?? (await guessMode(this.argv, process.env))
    const { ifMissing, flags, baseFlags } = this.constructor as BaseCommandClass
    const { text, exitCode } = reportFailure(error, {
      isJson: mode === 'json',
      isExec: followIds.has(this.id ?? ''),
      hasOwnPath: this.id === 'api',
      ifMissing,
      flagNames: Object.keys({ ...baseFlags, ...flags }),
    })
    process.stderr.write(text)
    process.exitCode = exitCode
  }
}
