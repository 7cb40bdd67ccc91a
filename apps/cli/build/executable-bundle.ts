import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'rolldown'
import base from '../rolldown.config.ts'
import { lite } from './lite.ts'
import { trim } from './trim.ts'

const fetchTransport = fileURLToPath(import.meta.resolve('@gpulab/transport/fetch'))

/** Bun's own fetch and WebSocket are there at once; its node:http takes 25 ms to load. */
const native: Plugin = {
  name: 'native',
  resolveId: {
    order: 'pre',
    handler: (specifier, importer) =>
      specifier === '@gpulab/transport/http'
        ? fetchTransport + (importer?.endsWith('?lite') ? '?lite' : '')
        : null,
  },
}

/**
 * A bundle in this format loads every built-in module at its start, whoever uses it: 10 ms in all. This way each is
 * loaded when something of it is used.
 */
const lateModules: Plugin = {
  name: 'late-modules',
  renderChunk: (code) => ({
    code: `const lateModule = (id) => new Proxy({}, { get: (_, key) => { const loaded = process.getBuiltinModule(id); return key === 'default' ? loaded : loaded[key] } });\n${code
      .replaceAll(/^let (\w+) = require\("(node:[\w/]+)"\);$/gm, 'let $1 = lateModule("$2");')
      .replaceAll(/^(node_\w+) = __toESM\(\1, 1\);$/gm, '')}`,
  }),
}

/** One file for `bun build --compile`; what it imports lazily stays lazy in it. */
export const executableBundle = (outFile: string): BuildOptions => ({
  ...base,
  input: fileURLToPath(new URL('../src/main.ts', import.meta.url)),
  plugins: [native, lite, trim, lateModules],
  // Bun makes it small: names have to be whole for the step above.
  output: { file: outFile, format: 'cjs', minify: false, codeSplitting: false },
})
