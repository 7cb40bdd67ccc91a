const distanceMax = 2

/** The known word that the typed one most likely meant. */
export function suggest(typed: string, known: Iterable<string>): string | undefined {
  const most = Math.min(distanceMax, Math.floor(typed.length / 2))
  const ranked = [...known]
    .map((word) => ({ word, distance: distanceOf(typed, word) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((a, b) => a.distance - b.distance)
  return ranked[0]?.word
}

/** Words of other tools, and what is meant by them here. */
const synonyms: Readonly<Record<string, string>> = {
  attach: 'sessions attach',
  connect: 'ssh',
  create: 'deploy',
  delete: 'rm',
  describe: 'inspect',
  destroy: 'rm',
  download: 'cp',
  get: 'ls',
  info: 'inspect',
  kill: 'stop',
  launch: 'deploy',
  list: 'ls',
  log: 'logs',
  login: 'auth login',
  logout: 'auth logout',
  ps: 'ls',
  remove: 'rm',
  run: 'deploy',
  scp: 'cp',
  sh: 'ssh',
  shell: 'ssh',
  show: 'inspect',
  status: 'inspect',
  terminate: 'rm',
  top: 'stats',
  up: 'deploy',
  upload: 'cp',
  whoami: 'auth whoami',
}

/** The command that the typed words most likely meant, but not rm for a slip of the pen. */
export function suggestCommand(words: readonly string[], known: readonly string[]): string | undefined {
  const [first = ''] = words
  const meant = Object.hasOwn(synonyms, first) ? synonyms[first] : undefined
  const harmless = known.filter((name) => name !== 'rm')
  return meant ?? suggest(words.slice(0, 2).join(' '), harmless) ?? suggest(first, harmless)
}

/** Levenshtein's: insertions, deletions and replacements. */
export function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1]
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
