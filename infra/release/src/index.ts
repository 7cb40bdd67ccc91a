export { buildOwnExecutable } from './build-executable.ts'
