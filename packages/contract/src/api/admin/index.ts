import { audit } from './audit.ts'
import { credits } from './credits.ts'
import { gpuTypes } from './gpu-types.ts'
import { keys } from './keys.ts'
import { teams } from './teams.ts'
import { templates } from './templates.ts'
import { users } from './users.ts'

/** For the platform team. */
export const admin = { audit, credits, gpuTypes, keys, teams, templates, users }
