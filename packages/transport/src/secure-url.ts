import { GpulabError } from '@gpulab/contract'

/** Whether a host name can only be this machine. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)

/** Gives the URL back, or throws `invalid_request` or `insecure_url`. */
export function requireSecureUrl(url: string, insecure = false): string {
  if (url.startsWith('unix:/')) return url
  const parsed = URL.parse(url)
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new GpulabError('invalid_request', {
      message: `"${url}" is not an API URL.`,
      hint: 'Give one like https://gpulab.example.com.',
    })
  }
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname) && !insecure) {
    throw new GpulabError('insecure_url', {
      message: `Refusing to send credentials to ${parsed.host} over plain http.`,
      hint: 'Use https, or --insecure (GPULAB_INSECURE=true) if the network is yours.',
    })
  }
  return url
}
