import { keys } from './keys.ts'
import { teams } from './teams.ts'
import { users } from './users.ts'

/** For the platform team. */
export const admin = { keys, teams, users }
