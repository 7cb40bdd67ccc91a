/** Shares one read among those who ask while it is under way or was made less than `maxAgeMs` ago. */
export function once<T>(read: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let last: { readonly value: Promise<T>; endedAt: number } | undefined
  return () => {
    if (last && performance.now() - last.endedAt < maxAgeMs) return last.value
    const current = { value: read(), endedAt: Number.POSITIVE_INFINITY }
    const end = (): void => void (current.endedAt = performance.now())
    current.value.then(end, end)
    last = current
    return current.value
  }
}

/** What it gives, or undefined where it fails or takes too long: one blind spot must not hide everything else. */
export async function within<T>(value: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, timeoutMs, undefined)
  try {
    return await Promise.race([value.catch(() => undefined), promise])
  } finally {
    clearTimeout(timer)
  }
}
