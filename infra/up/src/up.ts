import { cliFolder } from './checkout.ts'
import { runDetached, type DetachedMessage } from './detach.ts'
import { type ReadyState, runForeground } from './foreground.ts'
import { findSecret } from './keys.ts'
import { readUpOptions, upHelp, type UpOptions } from './options.ts'
import type { Output } from './progress.ts'
import { Interrupted, runProgram } from './program.ts'
import { runSmoke } from './smoke.ts'
import { defaultStateDir, toStateLayout } from './state-layout.ts'
import { quote, renderExports, renderStatus } from './status-screen.ts'
import type { SystemInfo } from './system-info.ts'

// A process that "--detach" has started talks to the one that waits for it, and has a log for the rest.
const send = process.send?.bind(process)
const output: Output = send
  ? { write: (text) => (process.connected ? tellParent({ text }) : process.stderr.write(text)) }
  : process.stderr

const tellParent = (message: DetachedMessage): unknown => send?.(message)

async function main(signal: AbortSignal): Promise<number> {
  const options = readUpOptions(process.argv.slice(2), process.env)
  if (options === undefined) {
    process.stdout.write(`${upHelp}\n`)
    return 0
  }
  if (options.smoke) return runSmoke(options, output, signal)
  if (options.detach) return detach(options, signal)
  if (send) return runForParent(options, signal)
  const onReady = (info: SystemInfo, state: ReadyState): void => {
    output.write(renderStatus(info, { title: toTitle(info, state), enter: toEnter(info) }))
  }
  return runForeground(options, { output, onReady }, signal)
}

/** Nobody would know of a system whose starter went away before it was ready, so it ends then. */
async function runForParent(options: UpOptions, signal: AbortSignal): Promise<number> {
  const alone = new AbortController()
  const onDisconnect = (): void => alone.abort(new Interrupted('SIGHUP'))
  process.once('disconnect', onDisconnect)
  process.channel?.unref()
  const onReady = (info: SystemInfo, state: ReadyState): void => {
    process.off('disconnect', onDisconnect)
    tellParent({ ready: info, state })
  }
  return runForeground(options, { output, onReady }, AbortSignal.any([signal, alone.signal]))
}

async function detach(options: UpOptions, signal: AbortSignal): Promise<number> {
  const ready = await runDetached(options, (text) => process.stderr.write(text), signal)
  if (!ready) return signal.aborted ? (signal.reason as Interrupted).exitCode : 1
  const { info, state } = ready
  const runs = state === 'was running' ? 'GPULab runs already.' : 'GPULab runs.'
  const title = `\n${runs} "${toCommand('down', info)}" stops it.`
  process.stderr.write(renderStatus(info, { title, enter: '' }))
  const apiKey = (await findSecret(toStateLayout(info.stateDir).apiKeyFile)) ?? ''
  process.stdout.write(renderExports(info, apiKey, cliFolder))
  return 0
}

const toTitle = ({ stateDir }: SystemInfo, state: ReadyState): string =>
  state === 'was running'
    ? '\nGPULab runs already.'
    : `\nGPULab runs. Ctrl-C stops it; everything is kept in ${stateDir}.`

function toCommand(command: 'up' | 'down', { stateDir }: SystemInfo, ...flags: string[]): string {
  const isDefault = stateDir === defaultStateDir(process.env, process.getuid?.() === 0)
  const args = [...flags, ...(isDefault ? [] : ['--state', quote(stateDir)])]
  return ['npm run -s', command, ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
}

const toEnter = (info: SystemInfo): string => `eval "$(${toCommand('up', info, '--detach')})"`

await runProgram(main, (text) => output.write(text))
