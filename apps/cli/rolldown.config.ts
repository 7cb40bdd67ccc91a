import { defineConfig } from 'rolldown'
import { lite } from './build/lite.ts'
import { trim } from './build/trim.ts'

/** One file to start and one a command, so that only what a command line needs is read and compiled. */
export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  // The framework loads it to run sources, which a release has none of.
  external: ['typescript'],
  plugins: [lite, trim],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    minify: true,
    entryFileNames: 'main.js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  },
})
