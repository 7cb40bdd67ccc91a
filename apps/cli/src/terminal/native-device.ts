import { startNativeWatchdog, type NativeWatchdog } from './native-watchdog.ts'
import { defaultSize, type TerminalDevice } from './terminal-device.ts'

/** `termios` of Linux is 60 bytes. */
const settingsBytes = 64
const settingsAt = { flags: [0, 4, 8, 12], characters: 17, charactersEnd: 49 } as const
/** Of `tcsetattr`: once all output is written. */
const whenDrained = 1
/** TIOCGWINSZ */
const getSize = 0x5413

interface Libc {
  tcgetattr(fd: number, settings: Uint8Array): number
  tcsetattr(fd: number, when: number, settings: Uint8Array): number
  cfmakeraw(settings: Uint8Array): void
  ioctl(fd: number, request: number, argument: Uint16Array): number
}

interface Ffi {
  dlopen(name: string, symbols: Record<keyof Libc, object>): { readonly symbols: Libc }
}

/** By the C library: Bun takes 10 ms to make the streams that know terminals, and 25 ms for its `node:child_process`. */
export function openNativeDevice(): TerminalDevice | undefined {
  const libc = loadLibc()
  if (!libc) return undefined
  const read = (): Uint8Array | undefined => {
    const settings = new Uint8Array(settingsBytes)
    return libc.tcgetattr(0, settings) === 0 ? settings : undefined
  }
  const saved = read()
  let watchdog: NativeWatchdog | undefined
  let raw: Uint8Array | undefined
  let reader: KeyReader | undefined
  const resizers = new Set<() => void>()
  const tellResized = (): void => resizers.forEach((tell) => tell())
  // Without a terminal to type on there are no settings to hold.
  const prepare = (): void => {
    if (saved) watchdog ??= startNativeWatchdog(toText(saved))
  }
  const makeRaw = (settings: Uint8Array): void => {
    libc.tcsetattr(0, whenDrained, settings)
    // As they are now: a terminal need not take them all.
    watchdog?.noteRaw(toText(read() ?? settings))
  }

  return {
    size: () => {
      const size = new Uint16Array(4)
      libc.ioctl(1, getSize, size)
      const [rows = 0, columns = 0] = size
      return { columns: columns || defaultSize.columns, rows: rows || defaultSize.rows }
    },
    onResize: (listener) => {
      if (resizers.size === 0) process.on('SIGWINCH', tellResized)
      resizers.add(listener)
    },
    prepare,
    take: async ({ isRaw }) => {
      prepare()
      if (!isRaw || !saved) return
      raw = Uint8Array.from(saved)
      libc.cfmakeraw(raw)
      makeRaw(raw)
    },
    takeAgain: () => {
      if (raw) makeRaw(raw)
      tellResized()
    },
    noteReset: (text) => watchdog?.noteReset(text),
    keys: () => {
      reader = bun.stdin.stream().getReader()
      return readAll(reader)
    },
    giveBack: () => {
      if (raw && saved) libc.tcsetattr(0, whenDrained, saved)
      raw = undefined
      watchdog?.dismiss()
      watchdog = undefined
    },
    close: () => {
      process.off('SIGWINCH', tellResized)
      reader?.cancel().catch(() => {})
    },
  }
}

/** Where it is another one, the runtime's streams serve. */
function loadLibc(): Libc | undefined {
  if (!process.versions['bun'] || process.platform !== 'linux') return undefined
  try {
    const ffi = process.getBuiltinModule('bun:ffi') as unknown as Ffi
    const { symbols } = ffi.dlopen('libc.so.6', {
      tcgetattr: { args: ['i32', 'ptr'], returns: 'i32' },
      tcsetattr: { args: ['i32', 'i32', 'ptr'], returns: 'i32' },
      cfmakeraw: { args: ['ptr'], returns: 'void' },
      ioctl: { args: ['i32', 'u64', 'ptr'], returns: 'i32' },
    })
    return symbols
  } catch {
    return undefined
  }
}

/** As `stty -g` writes them, for `stty`. */
export function toText(settings: Uint8Array): string {
  const view = new DataView(settings.buffer, settings.byteOffset)
  const { flags, characters, charactersEnd } = settingsAt
  const numbers = [
    ...flags.map((at) => view.getUint32(at, true)),
    ...settings.subarray(characters, charactersEnd),
  ]
  return numbers.map((number) => number.toString(16)).join(':')
}

interface KeyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

const { Bun: bun } = globalThis as unknown as {
  readonly Bun: { readonly stdin: { stream(): { getReader(): KeyReader } } }
}

async function* readAll(reader: KeyReader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    if (value) yield value
  }
}
