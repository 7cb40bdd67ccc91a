import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'rolldown'

const packaged = [
  '@xterm/xterm/lib/xterm.js',
  '@xterm/xterm/css/xterm.css',
  '@xterm/addon-fit/lib/addon-fit.js',
]

/** A release finds the parts of the terminal page beside the bundle. */
const assets: Plugin = {
  name: 'assets',
  writeBundle: async ({ dir = 'dist' }) => {
    await cp(fileURLToPath(new URL('assets', import.meta.url)), `${dir}/assets`, { recursive: true })
    for (const name of packaged)
      await cp(fileURLToPath(import.meta.resolve(name)), `${dir}/assets/${name.split('/').at(-1)}`)
  },
}

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  // Native: ws does without it where it is not installed.
  external: ['bufferutil'],
  plugins: [assets],
  output: { dir: 'dist', format: 'esm', cleanDir: true, banner: '#!/usr/bin/env node', codeSplitting: false },
})
