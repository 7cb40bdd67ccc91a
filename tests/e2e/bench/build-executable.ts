import { buildOwnExecutable } from '@gpulab/release'

await buildOwnExecutable(process.argv[2] ?? '')
