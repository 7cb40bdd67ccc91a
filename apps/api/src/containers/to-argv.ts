/** A string is one argument of a shell's, so nothing in it is quoted or split by us. */
export const toArgv = (command: string | string[] | undefined): string[] | undefined =>
  typeof command === 'string' ? ['/bin/sh', '-c', command] : command
