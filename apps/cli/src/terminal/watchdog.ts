import { once } from 'node:events'
import type { Socket } from 'node:net'

/**
 * Holds the terminal's settings while this process changes them, and puts them back should it end without doing so,
 * however that happens. In a session of its own, so that nothing that ends this process ends it too. It touches
 * nothing that somebody else has set since.
 *
 * Its argument: the settings as `stty -g` writes them; without one it asks, and answers with a line. File descriptors: 0 the
 * terminal, 1 for answers, 2 the terminal again, 3 ends with us. A line on 3 is "taken" and the settings that this process has
 * given the terminal; "raw" once Node has made it what it calls raw, which is answered; or what makes the screen usable again, for
 * printf. Node lets the terminal change line ends, which breaks every program that draws.
 */
export const watchdogScript = `
trap '' PIPE
saved=$1 raw= reset=
if [ -z "$saved" ]; then saved=$(stty -g) || exit; echo; fi
while IFS= read -r line <&3; do
  case $line in
    'taken '*) raw=\${line#* };;
    raw) stty -opost; raw=$(stty -g); echo;;
    *) reset=$line;;
  esac
done
[ -n "$raw" ] && [ "$(stty -g)" != "$raw" ] || stty "$saved"
printf "$reset" >&2
`

export interface Watchdog {
  /** Resolves when the terminal passes on everything as it is. After Node's own `setRawMode`. */
  makeRaw(): Promise<void>
  /** What is to be written to the screen, should this process be gone. */
  noteReset(text: string): void
  /** This process has put everything back itself. Synchronous. */
  dismiss(): void
}

/** Resolves when it knows the settings as they are now. */
export async function startWatchdog(): Promise<Watchdog> {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn('/bin/sh', ['-c', watchdogScript], { stdio: [0, 'pipe', 1, 'pipe'], detached: true })
  const answers = child.stdio[1] as Socket
  const line = child.stdio[3] as Socket
  line.on('error', () => {})
  // Where there is no shell or no stty, there is nothing to be had.
  const gone = once(child, 'exit').catch(() => {})
  const answered = async (): Promise<void> => {
    answers.ref()
    await Promise.race([once(answers, 'data'), gone])
    answers.unref()
  }
  await answered()
  child.unref()
  line.unref()
  return {
    makeRaw: () => {
      line.write('raw\n')
      return answered()
    },
    noteReset: (text) => void line.write(`${toPrintf(text)}\n`),
    dismiss: () => void child.kill('SIGKILL'),
  }
}

export const toPrintf = (text: string): string =>
  text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('%', '%%')
    .replaceAll('\u001b', String.raw`\033`)
