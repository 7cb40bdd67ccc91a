import { defineConfig } from 'rolldown'

export default defineConfig({
  input: 'src/main.ts',
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
