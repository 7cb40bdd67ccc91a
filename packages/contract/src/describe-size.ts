const units = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
] as const

/**
 * "34.21 GiB", as sizes are asked for. `down`: there is as much as that; `up`: it has room in that. Less than a MiB is
 * in bytes.
 */
export function describeSize(bytes: number, direction: 'down' | 'up'): string {
  const [unit, factor] = units.find(([, size]) => bytes >= size) ?? ['bytes', 1]
  const round = direction === 'down' ? Math.floor : Math.ceil
  return `${round((bytes / factor) * 100) / 100} ${unit}`
}
