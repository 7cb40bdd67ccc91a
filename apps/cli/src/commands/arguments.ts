import { string } from '@oclif/core/args'
import { boolean, string as stringFlag } from '@oclif/core/flags'
import { parseDuration } from '../output/duration.ts'

/** Nothing is read from standard input in place of a missing argument: agents keep it open. */
export const containerArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'uuid, the first 6 or more characters of it, or name',
})

export const hostArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'uuid, the first 6 or more characters of it, or name',
})

export const volumeArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'uuid, the first 6 or more characters of it, or name',
})

/** Says yes beforehand. */
export const forceFlag = boolean({
  char: 'f',
  aliases: ['yes'],
  charAliases: ['y'],
  summary: 'Do not ask.',
})

export const waitFlags = {
  wait: boolean({ summary: 'Wait until it is done.' }),
  'wait-timeout': stringFlag({
    summary: 'With --wait: give up after this time (10m).',
    helpValue: 'TIME',
    dependsOn: ['wait'],
  }),
}

export const sessionArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'id, or the first 6 or more characters of it',
})

export const keyNameArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'what the key is for',
})

export const keyArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'id, or name if only one has it',
})

export const teamArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'name, uuid, or the first 6 or more characters of it',
})

export const userArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'address, uuid, or the first 6 or more characters of it',
})

export const keyFlags = {
  scopes: stringFlag({
    summary: 'What it may do: read, write, exec, admin.',
    helpValue: 'SCOPE[,SCOPE]',
  }),
  expires: stringFlag({
    summary: 'How long it lives (as long as the one that makes it).',
    helpValue: 'TIME',
  }),
}

export const toKeyInput = (
  name: string,
  { scopes, expires }: { scopes?: string | undefined; expires?: string | undefined },
) => ({ name, scopes, expiresMs: expires === undefined ? undefined : parseDuration(expires) })

/** Not a default of the flag: one that is set needs `--wait`. */
export const waitTimeoutOf = (flags: { readonly 'wait-timeout'?: string | undefined }): number =>
  parseDuration(flags['wait-timeout'] ?? '10m')

/** Of copies between this machine and somewhere else. */
export const copyFlags = {
  parents: boolean({ char: 'p', summary: 'Make the folders that the target is in.' }),
  'skip-unsafe': boolean({
    summary: 'Leave out what is not unpacked here, such as links that lead out, instead of refusing it all.',
  }),
}
