import { defineConfig, type RolldownOptions } from 'rolldown'

const bundle = (name: string, input: string): RolldownOptions => ({
  input: { [name]: input },
  platform: 'node',
  // Native helpers of the engine client's unused SSH transport.
  external: ['cpu-features', /\.node$/],
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
