import { runTool } from './run-tool.ts'

const measureMs = 120_000
/** Counting is dear: once for many looks. */
const measureAgainMs = 300_000

export interface Measure {
  /** How much is in the folder of that volume. */
  measure(uuid: string): Promise<number>
  forget(uuid: string): void
}

/** Of file systems that know nothing of volumes. */
export function createMeasure(folderOf: (uuid: string) => string): Measure {
  const measured = new Map<string, { readonly at: number; readonly bytes: Promise<number> }>()
  return {
    measure: (uuid) => {
      const known = measured.get(uuid)
      if (known && performance.now() - known.at < measureAgainMs) return known.bytes
      // As a program of its own, so that a hostile tree can hold up nothing here.
      const bytes = runTool('du', ['-sx', '--block-size=1', folderOf(uuid)], { timeoutMs: measureMs }).then(
        (text) => Number.parseInt(text, 10),
      )
      measured.set(uuid, { at: performance.now(), bytes })
      bytes.catch(() => measured.delete(uuid))
      return bytes
    },
    forget: (uuid) => void measured.delete(uuid),
  }
}
