import { defineConfig } from 'rolldown'

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  output: { dir: 'dist', format: 'esm', cleanDir: true, banner: '#!/usr/bin/env node', codeSplitting: false },
})
