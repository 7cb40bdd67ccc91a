import { GpulabError } from '@gpulab/contract'

const binary = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const
export const mebibyte = binary.M
export const gibibyte = binary.G

/** "24 GB": powers of 1024 under the short names that people use for memory. */
export function formatSize(bytes: number): string {
  const [unit, factor] =
    Object.entries(binary)
      .toReversed()
      .find(([, size]) => bytes >= size) ?? []
  if (unit === undefined || factor === undefined) return `${bytes} B`
  return `${Number((bytes / factor).toFixed(1))} ${unit}B`
}

/** Reads `32`, `512MiB`, `1.5g`, `2TB`; all units are powers of 1024. `bareUnit`: bytes that a bare number counts. */
export function parseSize(text: string, bareUnit: number): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|(b))?$/i.exec(text.trim())
  const [, digits, letter, isBytes] = match ?? []
  const factor = isBytes ? 1 : letter ? binary[letter.toUpperCase() as keyof typeof binary] : bareUnit
  const bytes = Math.round(Number(digits) * factor)
  if (!match || !Number.isSafeInteger(bytes) || bytes <= 0) {
    const isTooMuch = match && bytes > Number.MAX_SAFE_INTEGER
    throw new GpulabError('invalid_request', {
      message: isTooMuch ? `"${text}" is more than any machine has.` : `"${text}" is not a size.`,
      hint: 'Write it like 32, 512MiB or 2TiB.',
    })
  }
  return bytes
}
