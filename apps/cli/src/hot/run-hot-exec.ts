import { withApi } from '../api-context.ts'
import { createContext } from '../context.ts'
import { runExec } from '../exec/run-exec.ts'
import { toExecInput } from '../exec/to-exec-input.ts'
import { Interruption } from '../sessions/interruption.ts'
import { descriptors } from './descriptors.ts'
import type { Hot } from './parse-hot.ts'

export async function runHotExec({ flags, container, command }: Hot & { id: 'exec' }): Promise<void> {
  const input = toExecInput(container, flags, command)
  using interruption = new Interruption()
  // The flag is the command's time; the one of the HTTP request comes from the environment.
  const own = { ...flags, timeout: undefined }
  const context = withApi(await createContext(own, { interruption, streams: descriptors }))
  process.exitCode = await runExec(context, interruption, container, input)
}
