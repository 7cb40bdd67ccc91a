import { defaultSize, type TerminalDevice } from './terminal-device.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

/** By the runtime's own streams. */
export function openNodeDevice(): TerminalDevice {
  const { stdin, stdout } = process
  let starting: Promise<Watchdog> | undefined
  let watchdog: Watchdog | undefined
  let isRaw = false
  let isTyped = false
  const prepare = (): Promise<Watchdog> => (starting ??= startWatchdog())

  return {
    size: () => ({
      columns: stdout.columns || defaultSize.columns,
      rows: stdout.rows || defaultSize.rows,
    }),
    onResize: (listener) => void stdout.on('resize', listener),
    prepare: () => void prepare(),
    take: async (options) => {
      watchdog = await prepare()
      if (!options.isRaw) return
      isRaw = true
      isTyped = true
      stdin.setRawMode(true)
      await watchdog.makeRaw()
    },
    takeAgain: () => {
      if (isRaw) {
        stdin.setRawMode(false).setRawMode(true)
        void watchdog?.makeRaw()
      }
      stdout.emit('resize')
    },
    noteReset: (text) => watchdog?.noteReset(text),
    keys: () => stdin as AsyncIterable<Buffer>,
    giveBack: () => {
      if (isRaw) stdin.setRawMode(false)
      isRaw = false
      if (watchdog) watchdog.dismiss()
      else void starting?.then((each) => each.dismiss())
    },
    close: () => {
      stdout.removeAllListeners('resize')
      if (isTyped) stdin.destroy()
    },
  }
}
