import { join } from 'node:path'
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

/** What `main.ts` loads for all that does not go the short way: apart, so that the short way does not carry it. */
const apart: Readonly<Record<string, string>> = {
  './run.ts': './run.cjs',
  './completion/complete.ts': './complete.cjs',
}
const setApart: Plugin = {
  name: 'apart',
  resolveId: {
    order: 'pre',
    handler: (specifier) => {
      const id = apart[specifier]
      return id === undefined ? null : { id, external: true }
    },
  },
}

const bundle = (folder: string, source: string, file: string, plugins: Plugin[]): BuildOptions => ({
  ...base,
  input: fileURLToPath(new URL(source, new URL('../src/', import.meta.url))),
  plugins: [...plugins, native, lite, trim, lateModules],
  // Bun makes it small: names have to be whole for the step above.
  output: { file: join(folder, file), format: 'cjs', minify: false, codeSplitting: false },
})

/** What `bun build --compile` takes: `main.cjs`, and beside it what that imports lazily, which stays lazy. */
export const executableBundles = (folder: string): BuildOptions[] => [
  bundle(folder, 'main.ts', 'main.cjs', [setApart]),
  ...Object.entries(apart).map(([source, file]) => bundle(folder, source, file, [])),
]
