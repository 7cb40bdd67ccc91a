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

/**
 * Tries those in line, first come first served: one that finds no room holds up all rivals behind it, however little
 * they want, or a large request would wait for ever.
 */
export async function serveLine<T extends Waiting>(
  line: readonly T[],
  tryToPlace: (waiting: T) => Promise<boolean>,
): Promise<void> {
  const blocked: T[] = []
  for (const waiting of line) {
    const isHeldUp = blocked.some((earlier) => isRival(earlier, waiting))
    if (isHeldUp || !(await tryToPlace(waiting))) blocked.push(waiting)
  }
}
