export interface Size {
  readonly columns: number
  readonly rows: number
}

/** The terminal that this process is on, with something that puts it right should this process end without doing so. */
export interface TerminalDevice {
  size(): Size
  onResize(listener: () => void): void
  /** Does what takes a moment, while something else is waited for. */
  prepare(): void
  /** `isRaw`: keys come as they are typed, Ctrl-C too. */
  take(options: { readonly isRaw: boolean }): Promise<void>
  /** Another program had it while this one was stopped. */
  takeAgain(): void
  /** What makes the screen usable again, should this process be gone. */
  noteReset(text: string): void
  /** What is typed, from now on. */
  keys(): AsyncIterable<Uint8Array>
  /** Its settings are as before. Synchronous, for every way out; more than once is as good as once. */
  giveBack(): void
  /** Nothing is read or listened to any more. */
  close(): void
}

/** One that does not tell its size has none. */
export const defaultSize: Size = { columns: 80, rows: 24 }
