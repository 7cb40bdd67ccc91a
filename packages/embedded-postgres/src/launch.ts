import { type ChildProcess, execFile, spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

import type { ServerUser } from './server-user.ts'

/**
 * Starts one of PostgreSQL's programs as `user`, out of reach of the terminal's Ctrl-C. Where util-linux' setpriv is
 * there, the kernel sends the program `onOrphaned` when our process dies, however it dies; elsewhere a killed process
 * leaves its server behind, to be adopted by the next start.
 */
export async function launch(options: {
  command: string
  args: readonly string[]
  user: ServerUser
  cwd: string
  stdio: StdioOptions
  onOrphaned: 'INT' | 'KILL'
}): Promise<ChildProcess> {
  const { command, args, user, cwd, stdio, onOrphaned } = options
  const tied = await canTieToParent()
  const argv = tied ? ['setpriv', '--pdeathsig', onOrphaned, command, ...args] : [command, ...args]
  const child = spawn(argv[0] ?? command, argv.slice(1), {
    cwd,
    stdio,
    detached: true,
    // PG* variables of the caller would change what the programs do.
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(process.geteuid?.() === 0 && { uid: user.uid, gid: user.gid }),
  })
  await once(child, 'spawn')
  return child
}

async function canTieToParent(): Promise<boolean> {
  try {
    await promisify(execFile)('setpriv', ['--pdeathsig', 'KILL', 'true'])
    return true
  } catch {
    return false
  }
}
