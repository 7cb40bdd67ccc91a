import { credits } from './credits.ts'
import { gpuTypes } from './gpu-types.ts'
import { keys } from './keys.ts'
import { teams } from './teams.ts'
import { users } from './users.ts'

/** For the platform team. */
export const admin = { credits, gpuTypes, keys, teams, users }
