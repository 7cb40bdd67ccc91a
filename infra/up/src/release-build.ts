/** `npm run release:build`. */
await import('@gpulab/release/main')
