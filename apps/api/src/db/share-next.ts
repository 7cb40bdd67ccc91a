import { settledOrLate } from './settled-or-late.ts'

/** Asks, or waits for the answer that others who came meanwhile get too. */
export type ShareNext<T> = (key: string, ask: () => Promise<T>) => Promise<T>

interface Turn<T> {
  readonly running: Promise<T>
  next: Promise<T> | undefined
}

/**
 * One query for all who ask the same while one is under way: each answer was asked for after all who get it had come, so
 * that it holds whatever was stored before. One that is late is not waited for.
 */
export function createShareNext<T>(): ShareNext<T> {
  const turns = new Map<string, Turn<T>>()
  const begin = (key: string, ask: () => Promise<T>): Promise<T> => {
    const turn: Turn<T> = { running: ask(), next: undefined }
    turns.set(key, turn)
    const leave = (): void => {
      if (turns.get(key) === turn && !turn.next) turns.delete(key)
    }
    turn.running.then(leave, leave)
    return turn.running
  }
  return (key, ask) => {
    const turn = turns.get(key)
    if (!turn) return begin(key, ask)
    const again = (): Promise<T> => begin(key, ask)
    return (turn.next ??= settledOrLate(turn.running).then(again))
  }
}
