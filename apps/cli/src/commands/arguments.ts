import { string } from '@oclif/core/args'
import { boolean, string as stringFlag } from '@oclif/core/flags'

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
    summary: 'With --wait: give up after this time.',
    helpValue: 'TIME',
    default: '10m',
  }),
}

export const sessionArgument = string({
  required: true,
  ignoreStdin: true,
  description: 'id, or the first 6 or more characters of it',
})
