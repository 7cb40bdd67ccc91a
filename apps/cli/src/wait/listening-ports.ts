const listening = '0A'

/**
 * The TCP ports that something listens on, of /proc/net/tcp and /proc/net/tcp6 one after the other; undefined where the
 * text is neither. Their lines are `sl local_address rem_address st …`, addresses and states in hexadecimal.
 */
export function readListeningPorts(text: string): ReadonlySet<number> | undefined {
  if (!text.includes('local_address')) return undefined
  const ports = text.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const [, port] = /:([0-9A-F]{4})$/.exec(local) ?? []
    return port !== undefined && state === listening ? [Number.parseInt(port, 16)] : []
  })
  return new Set(ports)
}
