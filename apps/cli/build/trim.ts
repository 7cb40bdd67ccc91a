import type { Plugin } from 'rolldown'

/** What the framework loads at its start and this program never calls: finding commands on disk, checking engines. */
const unused = new Set(['get-package-type', 'lilconfig', 'minimatch', 'semver', 'tinyglobby'])
/** What it calls at its start, reduced to what it needs from them here. */
const reduced: Readonly<Record<string, string>> = {
  debug:
    'const quiet = () => Object.assign(() => {}, { enabled: false }); module.exports = Object.assign(quiet, { default: quiet, enable() {} })',
  'wsl-utils': 'module.exports = { isWsl: false }',
}

/** Built-in modules that it loads at its start, but uses at most on some paths. */
const late = new Set(['node:child_process', 'node:perf_hooks', 'node:readline'])
/** Of WebSockets: what only `https` and compression need. */
const lateOfSockets = new Set(['https', 'tls', 'zlib'])
const loadLate = (id: string): string =>
  `module.exports = new Proxy({}, { get: (_, key) => process.getBuiltinModule('${id}')[key] })`

/** Halves the time until a command begins; each of these costs 1 to 6 ms. */
export const trim: Plugin = {
  name: 'trim',
  resolveId: (id, importer) => {
    const isTrimmed =
      unused.has(id) ||
      id in reduced ||
      (late.has(id) && importer?.includes('@oclif')) ||
      (lateOfSockets.has(id) && importer?.includes('/ws/'))
    return isTrimmed ? `\0trim:${id}` : null
  },
  load: (id) => {
    if (!id.startsWith('\0trim:')) return null
    const name = id.slice('\0trim:'.length)
    const code =
      late.has(name) || lateOfSockets.has(name) ? loadLate(name) : (reduced[name] ?? 'module.exports = {}')
    return { code, moduleType: 'js' }
  },
}
