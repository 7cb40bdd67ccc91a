import { createContext } from '../context.ts'
import { runExec } from '../exec/run-exec.ts'
import { toExecInput, toShellInput } from '../exec/to-exec-input.ts'
import { Interruption } from '../sessions/interruption.ts'
import { descriptors } from './descriptors.ts'
import type { Hot } from './parse-hot.ts'
import { withHotApi } from './with-hot-api.ts'

export async function runHotExec(hot: Hot & { id: 'exec' | 'ssh' }): Promise<void> {
  const { flags, container, command } = hot
  const isExec = hot.id === 'exec'
  const input = isExec ? toExecInput(container, hot.flags, command) : toShellInput(hot.flags, command)
  using interruption = new Interruption()
  // The flag of `exec` is the command's time; the one of the HTTP request comes from the environment.
  const own = isExec ? { ...flags, timeout: undefined } : flags
  const context = withHotApi(await createContext(own, { interruption, streams: descriptors }))
  process.exitCode = await runExec(context, interruption, container, input)
}
