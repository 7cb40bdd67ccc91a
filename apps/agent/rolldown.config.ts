import { defineConfig, type RolldownOptions } from 'rolldown'

const bundle = (name: string, input: string): RolldownOptions => ({
  input: { [name]: input },
  platform: 'node',
  // Native: a helper of the engine client's unused SSH transport, and one that ws does without where it is not installed.
  external: ['cpu-features', 'bufferutil', /\.node$/],
  output: {
    dir: 'dist',
    format: 'esm',
    banner: '#!/usr/bin/env node',
    codeSplitting: false,
  },
})

/** The files of each volume are served by a program of their own. */
export default defineConfig([
  bundle('main', 'src/main.ts'),
  bundle('volume-worker', 'src/volumes/files/worker/main.ts'),
])
