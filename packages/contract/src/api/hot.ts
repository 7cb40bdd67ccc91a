import { containers } from './containers.ts'
import { exec } from './exec.ts'
import { sessions } from './sessions.ts'

/** The part of `api` that running commands takes: all of it takes a program longer to start. */
export const hotApi = { containers, exec, sessions }
