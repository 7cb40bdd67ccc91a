/** One that waits in line. */
export interface Waiting {
  readonly uuid: string
  readonly gpuTypes: readonly string[]
}

/** Those without a GPU wait for each other too. */
const linesOf = ({ gpuTypes }: Waiting): readonly string[] => (gpuTypes.length > 0 ? gpuTypes : ['cpu'])

/** Whether two wait for the same thing, so that the later one must not pass the earlier. */
export const isRival = (left: Waiting, right: Waiting): boolean =>
  linesOf(left).some((line) => linesOf(right).includes(line))

export const behind = (ahead: number): string =>
  `${ahead} ${ahead === 1 ? 'container waits' : 'containers wait'} in line for the same.`

/** What the last look at one in line has found. */
export interface LastLook {
  /** So many held it up; null when it was tried. */
  readonly queueAhead: number | null
  /** What was missing when it was tried. */
  readonly queueReason: string | null
}

/** Why it waits: as `position` tells for one that was held up, since the line may have moved on since. */
export function reasonInLine(position: number, { queueAhead, queueReason }: LastLook): string {
  if (queueAhead === null && queueReason !== null) return queueReason
  return position > 1 ? behind(position - 1) : 'It is next, and is looked at in a moment.'
}

/**
 * Tries those in line, first come first served: one that finds no room holds up all rivals behind it, however little
 * they want, or a large request would wait for ever.
 */
export async function serveLine<T extends Waiting>(
  line: readonly T[],
  { tryToPlace, onHeldUp }: LineServer<T>,
): Promise<void> {
  const blocked: T[] = []
  for (const waiting of line) {
    const ahead = blocked.filter((earlier) => isRival(earlier, waiting)).length
    if (ahead > 0) await onHeldUp(waiting, ahead)
    if (ahead > 0 || !(await tryToPlace(waiting))) blocked.push(waiting)
  }
}

export interface LineServer<T extends Waiting> {
  /** True when it does not wait any more. */
  tryToPlace(waiting: T): Promise<boolean>
  /** So many before it want the same. */
  onHeldUp(waiting: T, ahead: number): Promise<void>
}
