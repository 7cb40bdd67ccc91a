/** Where a program tells people what it is doing. */
export interface Output {
  write: (text: string) => unknown
  isTTY?: boolean | undefined
}

export interface Progress {
  /** Runs one step and shows it with what it gave as its detail, and its time. */
  step: <T>(
    name: string,
    work: (note: (text: string) => void) => Promise<T>,
    detail?: (result: T) => string,
  ) => Promise<T>
}

/** Shows steps as lines; on a terminal the current one is shown while it is under way. */
export function createProgress(output: Output): Progress {
  const isTerminal = output.isTTY === true
  const paint = (code: number, text: string): string => (isTerminal ? `\x1b[${code}m${text}\x1b[39m` : text)
  const current = (text: string): void => {
    if (isTerminal) output.write(`\r\x1b[K${text}`)
  }
  return {
    step: async (name, work, detail = () => '') => {
      const since = performance.now()
      const line = (sign: string, text: string): string =>
        `${sign} ${name.padEnd(17)}${formatSeconds(performance.now() - since).padStart(7)}   ${text}`.trimEnd()
      current(`· ${name}`)
      try {
        const result = await work((text) => current(`· ${name.padEnd(17)}${text}`))
        current('')
        output.write(`${line(paint(32, '✓'), detail(result))}\n`)
        return result
      } catch (error) {
        current('')
        output.write(`${line(paint(31, '✗'), '')}\n`)
        throw error
      }
    },
  }
}

export const formatSeconds = (ms: number): string =>
  ms < 99_950
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`
