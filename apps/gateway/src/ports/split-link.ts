const parameter = /^gpulab_access=([A-Za-z0-9_-]{1,1000})$/

/** The token of a signed link, and the path without it; undefined where there is none. */
export function splitLink(path: string): { token: string; path: string } | undefined {
  const at = path.indexOf('?')
  if (at === -1) return undefined
  const parts = path.slice(at + 1).split('&')
  const token = parts.map((part) => parameter.exec(part)?.[1]).find((found) => found !== undefined)
  if (token === undefined) return undefined
  const rest = parts.filter((part) => !parameter.test(part)).join('&')
  return { token, path: path.slice(0, at) + (rest === '' ? '' : `?${rest}`) }
}
