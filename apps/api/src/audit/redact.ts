const mask = '********'
const secretKeys = /^(password|token|secret|key)$/
const keptCharacters = 4096

/** What was asked for, without what must not be read later: values of environments, passwords, tokens. */
export function redact(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => redact(item, name))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        name === 'env' || name === 'secrets' ? mask : redact(inner, key),
      ]),
    )
  }
  if (typeof value !== 'string') return value
  if (secretKeys.test(name)) return mask
  return value.length <= keptCharacters ? value : `${value.slice(0, keptCharacters)}…`
}
