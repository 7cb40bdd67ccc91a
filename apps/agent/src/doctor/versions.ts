/** The numbers that a version begins with: `1.1.5+ds1` and `v1.1.5` are 1.1.5. Undefined if there are none. */
export function parseVersion(text: string): readonly number[] | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text.trim())
  return match?.slice(1).map((part) => Number(part ?? 0))
}

function compare(left: readonly number[], right: readonly number[]): number {
  const index = left.findIndex((part, at) => part !== right[at])
  return index === -1 ? 0 : (left[index] ?? 0) - (right[index] ?? 0)
}

/**
 * Whether a version lacks what the floors brought. Each floor is the first good version of its line (`1.2.8`); a line
 * without one is good if it is newer than all of them. What is no version is not judged.
 */
export function isBelow(text: string, floors: readonly string[]): boolean {
  const version = parseVersion(text)
  const lines = floors.map(parseVersion).filter((floor) => floor !== undefined)
  if (!version) return false
  const own = lines.find((floor) => floor[0] === version[0] && floor[1] === version[1])
  return own ? compare(version, own) < 0 : !lines.every((floor) => compare(version, floor) > 0)
}
