/** The values of all cookies of that name: a page below the same domain may have added one. */
export function cookiesOf(header: string | undefined, name: string): string[] {
  return (header ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
    .map((part) => part.slice(name.length + 1))
}

/** Of one host only, out of reach of scripts; with TLS browsers see to it that nobody else can set it. */
export function toSetCookie(
  { name, value, path = '/' }: { name: string; value: string; path?: string },
  {
    proto,
    maxAgeSeconds,
    sameSite,
  }: { proto: 'http' | 'https'; maxAgeSeconds: number; sameSite: 'Lax' | 'Strict' },
): string {
  const secure = proto === 'https' ? '; Secure' : ''
  return `${toCookieName(name, proto)}=${value}; Path=${path}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=${sameSite}${secure}`
}

export const toCookieName = (name: string, proto: 'http' | 'https'): string =>
  proto === 'https' ? `__Host-${name}` : name
