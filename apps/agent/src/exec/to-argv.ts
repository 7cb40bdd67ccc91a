/** A text runs through a shell, as one argument. */
export const toArgv = (command: string | readonly string[]): readonly string[] =>
  typeof command === 'string' ? ['/bin/sh', '-c', command] : command
