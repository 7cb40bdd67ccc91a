/** Linux's major numbers of terminals: consoles, /dev/tty and the like, pseudo-terminals. */
const isTerminalDevice = (major: number): boolean =>
  major === 4 || major === 5 || (major >= 136 && major <= 143)

/** As `isatty`, which takes Bun 3 ms to load, wherever the answer is plain without it. */
export function isTerminal(fd: number): boolean {
  const stats = process.getBuiltinModule('node:fs').fstatSync(fd, { throwIfNoEntry: false })
  if (!stats?.isCharacterDevice()) return false
  if (process.platform === 'linux') return isTerminalDevice((stats.rdev >> 8) & 0xfff)
  return process.getBuiltinModule('node:tty').isatty(fd)
}
