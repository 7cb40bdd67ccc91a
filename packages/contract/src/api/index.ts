import { account } from './account.ts'
import { admin } from './admin/index.ts'
import { apiKeys } from './api-keys.ts'
import { containers } from './containers.ts'
import { events } from './events.ts'
import { exec } from './exec.ts'
import { gpus } from './gpus.ts'
import { hosts } from './hosts.ts'
import { logs } from './logs.ts'
import { ports } from './ports.ts'
import { registries } from './registries.ts'
import { sessions } from './sessions.ts'
import { sshKeys } from './ssh-keys.ts'
import { stats } from './stats.ts'
import { templates } from './templates.ts'
import { terminals } from './terminals.ts'
import { volumes } from './volumes.ts'

/** Everything under `/v1`. */
export const api = {
  account,
  admin,
  apiKeys,
  containers,
  events,
  exec,
  gpus,
  hosts,
  logs,
  ports,
  registries,
  sessions,
  sshKeys,
  stats,
  templates,
  terminals,
  volumes,
}
