import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'rolldown'

const mark = '?lite'
const stripMark = (id: string): string => id.replace(/\?lite$/, '')
const zod = fileURLToPath(import.meta.resolve('@gpulab/contract/lite-zod'))

/**
 * Gives `src/hot` a copy of all that it imports, with `lite-zod` in place of zod: the hot commands then start without
 * it, and everything else keeps zod's exact checks.
 */
export const lite: Plugin = {
  name: 'lite',
  resolveId: {
    order: 'pre',
    async handler(specifier, importer, options) {
      if (importer === undefined) return null
      const isLite = importer.endsWith(mark)
      if (!isLite && !specifier.startsWith('./hot/')) return null
      if (specifier === 'zod') return zod
      const resolved = await this.resolve(specifier, stripMark(importer), { ...options, skipSelf: true })
      if (!resolved || resolved.external || resolved.id.startsWith('\0')) return resolved
      const isOurs = !resolved.id.includes('/node_modules/') && resolved.id.endsWith('.ts')
      return isOurs ? { ...resolved, id: resolved.id + mark } : resolved
    },
  },
  async load(id) {
    if (!id.endsWith(mark)) return null
    return { code: await readFile(stripMark(id), 'utf8'), moduleType: 'ts' }
  },
}
